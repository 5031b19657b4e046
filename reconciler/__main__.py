"""``python -m reconciler`` is the command ``llamagate``."""

from reconciler.cli.app import main

if __name__ == "__main__":
    main()
