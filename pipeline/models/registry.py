"""The families of models, by the names that `model.name` takes. A new one: its package, a line
here, its sub-section of params.yaml."""

from pipeline.models import dcgan, mlp, resnet, vae
from pipeline.models.family import Family

FAMILIES: dict[str, Family] = {
    "dcgan": dcgan,
    "mlp": mlp,
    "resnet": resnet,
    "vae": vae,
}
