"""The families of models, by the names that `model.name` takes. A new one: its package, a line
here, its sub-section of params.yaml."""

from pipeline.models import dcgan, mlp, vae
from pipeline.models.family import Family

FAMILIES: dict[str, Family] = {
    "dcgan": dcgan,
    "mlp": mlp,
    "vae": vae,
}
