"""The few options of curl that the documentation uses, so that its examples run where there is no curl."""

import sys
import urllib.error
import urllib.request
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Send one request and print the body of the answer, whatever its status."""
    url, data, headers = "", None, {}
    waiting = iter(arguments)
    for argument in waiting:
        match argument:
            case "-H":
                name, _, value = next(waiting).partition(":")
                headers[name] = value.strip()
            case "-d" | "--data-binary":
                text = next(waiting)
                data = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
            case "-N":
                pass
            case _ if argument.startswith("-"):
                raise SystemExit(f"curl.py does not know {argument}")
            case _:
                url = argument
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as response:
            body = response.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    sys.stdout.write(body.decode())


if __name__ == "__main__":
    main(sys.argv[1:])
