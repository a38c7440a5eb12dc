from hypothesis import Phase, settings
import pytest
from tests.sql.test_model import compare_with_model, clock  # noqa
import os
HOW = settings(max_examples=int(os.environ.get("N","150")), phases=[Phase.generate], report_multiple_bugs=False, deadline=None, print_blob=True, database=None)
def test_it(conn, clock):
    compare_with_model(conn, clock, HOW)
