"""Operations, by family; import order is in tests/test_house.py."""
