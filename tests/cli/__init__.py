"""Tests of the command `whirlwind`, most of them with processes of its own."""
