"""`clipper bundle`: what a model becomes before it is deployed, to be looked at, kept, and taken to another machine."""

from pathlib import Path
from typing import Annotated

import typer

from clipper.cli.options import AsJson
from clipper.cli.output import say, show_json, show_table

app = typer.Typer(help="Bundles: packaged models.", no_args_is_help=True)

MAX_SHOWN = 60
"""Characters of a value."""

Framework = Annotated[str | None, typer.Option(help="Default: recognised by its content.", show_default=False)]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A bundle, or what `clipper deploy` takes.", show_default=False)
]


@app.command("show")
def show(model: Model, framework: Framework = None, as_json: AsJson = False) -> None:
    """Show what a bundle says of itself, its files, and the digest that names it."""
    import json
    import tempfile

    from clipper.cli.deploy import load_model
    from clipper.client.packaging import PackageOptions, package
    from clipper.container.bundle import bundle_files, digest, manifest_to_json

    with tempfile.TemporaryDirectory(prefix="clipper-bundle-") as scratch:
        folder = Path(scratch) / "bundle"
        manifest = package(load_model(model), folder, PackageOptions(framework=framework))
        files = [(name, path.stat().st_size) for name, path in bundle_files(folder)]
        name = digest(folder)

    fields = {"digest": name, **json.loads(manifest_to_json(manifest)), "files": dict(files)}
    if as_json:
        show_json(fields)
        return
    show_table(("field", "value"), [(each, _short(value)) for each, value in fields.items()], empty="")


@app.command("make")
def make(
    model: Model, folder: Annotated[Path, typer.Argument(help="The bundle to make.")], framework: Framework = None
) -> None:
    """Package a model into a folder, to be deployed from another machine with `clipper deploy FOLDER`."""
    from clipper.cli.deploy import load_model
    from clipper.client.packaging import PackageOptions, package

    manifest = package(load_model(model), folder, PackageOptions(framework=framework))
    say(f"{folder} holds a model of {manifest.framework}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
