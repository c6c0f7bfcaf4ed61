"""``python -m unmixcli`` is the command ``unmix``."""

from .cli.app import main

if __name__ == "__main__":
    main()
