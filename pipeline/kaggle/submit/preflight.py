"""Check everything that can be checked before something is sent, and show it in one table."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.common import progress
from pipeline.competitions.profile import Profile
from pipeline.kaggle.api import competitions, kernels
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.api.errors import PreflightFailed
from pipeline.kaggle.kernel import MAX_BYTES, NO_USERNAME, Kernel
from pipeline.kaggle.submit import receipt


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        subject: what was checked.
        result: what was found.
        ok: False stops the submission; None where the result is only information.
    """

    subject: str
    result: str
    ok: bool | None


@dataclass
class Preflight:
    """The findings so far. A bad one stops nothing before `conclude`, so that one run shows all."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, subject: str, result: str, ok: bool | None = True) -> None:
        """Add a line to the table."""
        self.findings.append(Finding(subject, result, ok))

    def check_count(self, profile: Profile, images: int, *, sends: bool) -> None:
        """Check that the evaluator takes so many images."""
        if (taken := profile.count_fault(images)) is None:
            self.add("images", f"{images:,}")
        else:
            self.add(
                "images",
                f"{images:,}, but the evaluator takes {taken}: set generate.count in params.yaml",
                False if sends else None,
            )

    def check_score(self, metrics: Path) -> None:
        """Show the local score, where there is one."""
        local = receipt.local_score(metrics)
        if "local_mifid" in local:
            network = local.get("local_extractor", "?")
            self.add("local score", f"MiFID {local['local_mifid']:.2f} ({network})", None)
        else:
            self.add("local score", "none", None)

    def check_kernel(self, kernel: Kernel, competition: str) -> None:
        """Check that the built kernel can be pushed for this competition."""
        size = len(kernel.code.encode())
        sources = kernel.metadata.get("competition_sources")
        if kernel.id.startswith(f"{NO_USERNAME}/"):
            fault = "names no account: set kaggle.username in params.yaml and run `make bundle`"
        elif size > MAX_BYTES:
            fault = f"{size:,} bytes, more than {MAX_BYTES:,}"
        elif sources != [competition]:
            fault = f"is for {sources}, not for {competition}: run `make bundle`"
        elif kernel.metadata.get("enable_internet") is not False:
            fault = "asks for internet, which the competition forbids: run `make bundle`"
        else:
            self.add("kernel", f"{kernel.id}, {size / 1e3:.0f} KB, sha256 {kernel.key[:16]}…")
            return
        self.add("kernel", fault, False)

    def check_account(self, client: Client, kernel: Kernel | None = None) -> None:
        """Show whose credentials these are; check that the kernel is of the same account."""
        name = client.username
        if kernel is not None and name.lower() != kernel.id.partition("/")[0].lower():
            fault = f"{name}, not the owner of {kernel.id}: set kaggle.username in params.yaml"
            self.add("account", fault, False)
        else:
            self.add("account", name or "unnamed")

    def show_gpu_quota(self, client: Client) -> None:
        """Show the GPU hours that this account has left this week, where Kaggle says so."""
        hours = kernels.gpu_hours_left(client)
        if hours is not None:
            self.add("GPU hours", f"{hours[0]:.1f} of {hours[1]:.1f} left this week", None)

    def check_competition(
        self, client: Client, slug: str, *, with_file: bool, is_sent: bool
    ) -> None:
        """Check what only Kaggle knows: whether it takes a submission from us now.

        Args:
            with_file: a file is to be submitted, not a kernel.
            is_sent: Kaggle has the submission, so that it is only followed, and no limit matters.
        """
        details = competitions.details(client, slug)
        page = f"https://www.kaggle.com/competitions/{slug}"
        self.add("competition", details.title)
        if details.submissions_disabled and not is_sent:
            self.add("open", "no: Kaggle takes no submissions to it any more", False)
        elif details.deadline is not None and details.deadline < _now():
            day = details.deadline.date()
            self.add("open", f"for late submissions, its deadline was {day}", None)
        else:
            self.add("open", "yes")
        if details.entered:
            self.add("rules", "accepted")
        else:
            self.add("rules", f"not accepted: accept them at {page}/rules", False)
        if details.kernels_only and with_file:
            only = "kernels only: set submit.mode to kernel in params.yaml"
            self.add("takes", only, False)
        else:
            self.add("takes", "kernels only" if details.kernels_only else "files and kernels")
        if is_sent:
            return
        left = competitions.submissions_left(client, slug)
        if left > 0:
            self.add("left today", str(left))
        else:
            self.add("left today", "none: try again after 00:00 UTC", False)

    def conclude(self) -> None:
        """Print the findings since the last call as a table.

        Raises:
            PreflightFailed: a finding is bad; the message has each of them.
        """
        width = max(len(finding.subject) for finding in self.findings)
        for finding in self.findings:
            mark = {True: "ok", False: "NO", None: "  "}[finding.ok]
            progress.say(f"  {mark}  {finding.subject:{width}}  {finding.result}")
        bad = [f"{each.subject}: {each.result}" for each in self.findings if each.ok is False]
        self.findings.clear()
        if bad:
            raise PreflightFailed("nothing was sent; " + "; ".join(bad))


def _now() -> datetime:
    """Return the time in UTC as Kaggle gives it, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
