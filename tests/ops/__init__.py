"""Tests of the operations, and what they share."""
