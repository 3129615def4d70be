"""Commands that are no stages: each reads what a run left, none is part of the flow."""
