"""Tests of the project around the code: layers, files, packaging, the extension switch."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/whirlwind"
