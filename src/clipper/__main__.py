"""`python -m clipper`: the same as the `clipper` command."""

from clipper.cli.main import app

if __name__ == "__main__":
    app(prog_name="clipper")
