"""Where each file of a run lies. Stages take their files from here, never from a literal."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files of one run, below `root` (the repository, or a scratch folder on Kaggle)."""

    root: Path

    # --- data/: what came in -------------------------------------------------------------------
    @property
    def raw(self) -> Path:
        """Folder with the two archives: `images.tar|.zip` and `annotation.tar|.zip`."""
        return self.root / "data" / "raw"

    @property
    def crops(self) -> Path:
        """uint8 array (N, side, side, channels)."""
        return self.root / "data" / "crops.npy"

    @property
    def index(self) -> Path:
        """One row a box: file, class, box, row in `crops`, or the reason why there is none."""
        return self.root / "data" / "index.csv"

    @property
    def held_out(self) -> Path:
        """The data's own test set: images like the crops, and labels; maybe empty."""
        return self.root / "data" / "held_out.npz"

    @property
    def classifier(self) -> Path:
        """The classifier's weights (torch.save); an empty file where none was asked for."""
        return self.root / "data" / "classifier.pt"

    @property
    def reference(self) -> Path:
        """The real side of the score: features, mean, covariance, what unseen real images get."""
        return self.root / "data" / "reference.npz"

    # --- outputs/: what was made ---------------------------------------------------------------
    @property
    def classifier_json(self) -> Path:
        """Flat JSON about the classifier: its accuracy on images that it was not trained on."""
        return self.root / "outputs" / "classifier.json"

    @property
    def generator(self) -> Path:
        """The EMA generator's weights with the model parameters that rebuild it (torch.save)."""
        return self.root / "outputs" / "generator.pt"

    @property
    def history(self) -> Path:
        """CSV of the training curves, one row an interval, `images_seen` first."""
        return self.root / "outputs" / "history.csv"

    @property
    def curves_csv(self) -> Path:
        """CSV of the same values in long form, one row a value:
        `images_seen,panel,metric,label,value`. Charts and `dvc plots` read this one."""
        return self.root / "outputs" / "curves.csv"

    @property
    def grids(self) -> Path:
        """Folder of PNG grids from fixed latents as training went on: `<images_seen:09d>.png`."""
        return self.root / "outputs" / "grids"

    @property
    def samples(self) -> Path:
        """PNG grid of the final generator's samples."""
        return self.root / "outputs" / "samples.png"

    @property
    def curves(self) -> Path:
        """PNG plot of the training curves."""
        return self.root / "outputs" / "curves.png"

    @property
    def training(self) -> Path:
        """Flat JSON of what training reached: images seen, images a second, best score."""
        return self.root / "outputs" / "training.json"

    @property
    def generated(self) -> Path:
        """uint8 array (count, side, side, channels)."""
        return self.root / "outputs" / "generated.npy"

    @property
    def generated_labels(self) -> Path:
        """str array (count,): the class that each of these images was asked to be of; (0,) where
        the generator is told none."""
        return self.root / "outputs" / "generated_labels.npy"

    @property
    def images_zip(self) -> Path:
        """The submission."""
        return self.root / "outputs" / "images.zip"

    @property
    def package(self) -> Path:
        """Flat JSON about the zip: SHA-256, count, bytes, duplicates."""
        return self.root / "outputs" / "package.json"

    @property
    def metrics(self) -> Path:
        """Flat JSON of the score."""
        return self.root / "outputs" / "metrics.json"

    @property
    def nearest(self) -> Path:
        """PNG of the generated images closest to the training set, each beside its neighbour."""
        return self.root / "outputs" / "nearest.png"

    @property
    def neighbours(self) -> Path:
        """JSON of those pairs: generated image, real image, distance."""
        return self.root / "outputs" / "nearest.json"

    @property
    def report(self) -> Path:
        """The page that tells the whole run."""
        return self.root / "outputs" / "report.html"

    @property
    def submission(self) -> Path:
        """JSON receipt of the last submission (or dry run)."""
        return self.root / "outputs" / "submission.json"

    # --- kernels/: what goes to Kaggle ---------------------------------------------------------
    @property
    def kernel(self) -> Path:
        """Folder that `kaggle kernels push -p` takes."""
        return self.root / "kernels" / "dcgan"

    @property
    def kernel_zip(self) -> Path:
        """The submission that a kernel made on Kaggle, fetched and checked."""
        return self.root / "outputs" / "kernel" / "images.zip"

    @property
    def ledger(self) -> Path:
        """JSON lines, tracked by git: what was submitted, so that nothing is sent twice."""
        return self.root / "kernels" / "submissions.jsonl"

    # --- .ckpt/: what outlives a stage (git-ignored; DVC deletes a stage's outs before it runs) -
    @property
    def keep(self) -> Path:
        """Checkpoints, partial downloads and stage logs. In a temporary DVC experiment this is
        the main checkout's folder, so that an experiment resumes too."""
        return Path(os.environ.get("DVC_ROOT") or self.root) / ".ckpt"

    @property
    def submit_lock(self) -> Path:
        """Held by who submits, so that two at once do not send twice."""
        return self.keep / "submit.lock"

    @property
    def checkpoints(self) -> Path:
        return self.keep / "train"

    @property
    def downloads(self) -> Path:
        return self.keep / "download"

    @property
    def refused_index(self) -> Path:
        """The index of a crop run that stopped for too many faults of the data."""
        return self.keep / "crop" / "index.csv"

    @property
    def weights(self) -> Path:
        """Feature networks' weights, fetched once, checked by hash at each use."""
        return self.keep / "weights"

    @property
    def stage_log(self) -> Path:
        """One JSON a stage: seconds, versions, time of its last run."""
        return self.keep / "stages"
