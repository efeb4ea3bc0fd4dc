"""The command `mixtrast`: each file without an underscore is one of its commands."""

from mixtrast.cli._main import main as main
