"""Rules for an app's enum of operations, and its comparison with the set in the database."""

from __future__ import annotations

import json
import re
from types import new_class
from typing import cast

import msgspec
import pytest

from ledger_py.operations import (
    SHARED_OPERATIONS,
    BaseLedgerOperation,
    OperationSetDifference,
    compare_operation_set,
)


class ShopOperation(BaseLedgerOperation):
    """A complete set with one more operation."""

    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"
    PARCEL_SENT = "PARCEL_SENT"


def declare(**members: object) -> type[BaseLedgerOperation]:
    """Declare an enum at run time, as a class statement would."""
    enum = new_class(
        "Declared", (BaseLedgerOperation,), exec_body=lambda body: body.update(members)
    )
    return cast("type[BaseLedgerOperation]", enum)


SHARED = {name: name for name in SHARED_OPERATIONS}


def test_complete_set_can_be_declared() -> None:
    assert [str(operation) for operation in ShopOperation] == [*SHARED_OPERATIONS, "PARCEL_SENT"]


def test_members_are_text() -> None:
    assert isinstance(ShopOperation.CREDIT_ADD, str)
    assert ShopOperation.CREDIT_ADD == "CREDIT_ADD"
    assert f"{ShopOperation.CREDIT_ADD}" == "CREDIT_ADD"


def test_members_are_encoded_to_json_as_their_names() -> None:
    assert json.dumps(ShopOperation.PARCEL_SENT) == '"PARCEL_SENT"'
    assert msgspec.json.encode(ShopOperation.PARCEL_SENT) == b'"PARCEL_SENT"'


def test_members_are_decoded_from_json_by_name() -> None:
    read = msgspec.json.decode(b'"PARCEL_SENT"', type=ShopOperation)
    assert read is ShopOperation.PARCEL_SENT


def test_missing_shared_operations_are_all_named() -> None:
    with pytest.raises(TypeError, match=r"missing: SIGNUP_CREDIT, CREDIT_ADD$"):

        class Incomplete(BaseLedgerOperation):
            DAILY_REWARD = "DAILY_REWARD"
            CREDIT_SPEND = "CREDIT_SPEND"


@pytest.mark.parametrize("missing", SHARED_OPERATIONS)
def test_every_shared_operation_is_required(missing: str) -> None:
    members = {name: value for name, value in SHARED.items() if name != missing}
    with pytest.raises(TypeError, match=f"missing: {missing}$"):
        declare(**members)


def test_value_that_differs_from_its_name_is_refused() -> None:
    with pytest.raises(TypeError, match="a value must equal its name: PARCEL_SENT = 'PARCEL'"):
        declare(**SHARED, PARCEL_SENT="PARCEL")


def test_alias_is_refused() -> None:
    with pytest.raises(TypeError, match="a value must equal its name: GIFT = 'CREDIT_ADD'"):
        declare(**SHARED, GIFT="CREDIT_ADD")


@pytest.mark.parametrize("name", ["gift", "Gift", "9_LIVES", "GIFT_Ä", "A" * 64])
def test_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"upper snake case .*: {re.escape(name)}$"):
        declare(**SHARED, **{name: name})


@pytest.mark.parametrize("name", ["A", "A1", "A" * 63, "GIFT_2_GO"])
def test_well_formed_name_is_accepted(name: str) -> None:
    assert name in declare(**SHARED, **{name: name}).__members__


def test_value_that_is_not_text_is_refused() -> None:
    with pytest.raises(TypeError):
        declare(**SHARED, PARCEL_SENT=1)


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(TypeError) as refused:
        declare(CREDIT_ADD="CREDIT_ADD", gift="GIFT")
    message = str(refused.value)
    assert message.startswith("Declared is not a valid set of operations: ")
    assert "DAILY_REWARD, SIGNUP_CREDIT, CREDIT_SPEND" in message
    assert "gift = 'GIFT'" in message
    assert message.endswith(": gift")


def test_intermediate_class_may_add_methods() -> None:
    class Titled(BaseLedgerOperation):
        def title(self) -> str:
            return self.replace("_", " ").title()

    class TitledOperation(Titled):
        DAILY_REWARD = "DAILY_REWARD"
        SIGNUP_CREDIT = "SIGNUP_CREDIT"
        CREDIT_SPEND = "CREDIT_SPEND"
        CREDIT_ADD = "CREDIT_ADD"

    assert TitledOperation.CREDIT_ADD.title() == "Credit Add"


def test_subclass_of_a_subclass_needs_the_shared_operations() -> None:
    class Between(BaseLedgerOperation):
        pass

    with pytest.raises(TypeError, match="shared operations are missing"):

        class Incomplete(Between):
            GIFT = "GIFT"


def test_equal_sets_have_no_difference() -> None:
    assert compare_operation_set(ShopOperation, reversed(list(ShopOperation))) is None


def test_difference_names_both_sides() -> None:
    difference = compare_operation_set(ShopOperation, [*SHARED_OPERATIONS, "GIFT", "FEE"])
    assert difference == OperationSetDifference(
        enum_name="ShopOperation",
        missing_in_database=("PARCEL_SENT",),
        missing_in_enum=("FEE", "GIFT"),
    )


def test_operation_only_in_the_database_is_a_difference() -> None:
    difference = compare_operation_set(ShopOperation, [*ShopOperation, "GIFT"])
    assert difference == OperationSetDifference(
        enum_name="ShopOperation", missing_in_database=(), missing_in_enum=("GIFT",)
    )


def test_difference_gives_advice_for_both_sides() -> None:
    text = str(compare_operation_set(ShopOperation, [*SHARED_OPERATIONS, "GIFT"]))
    lacking_in_database, lacking_in_enum = text.splitlines()[1:]
    assert "PARCEL_SENT" in lacking_in_database
    assert "ledger.allow_operation" in lacking_in_database
    assert "GIFT" in lacking_in_enum
    assert "ledger.retire_operation" in lacking_in_enum


def test_difference_omits_a_complete_side() -> None:
    text = str(compare_operation_set(ShopOperation, SHARED_OPERATIONS))
    assert "Not in the database: PARCEL_SENT." in text
    assert "Not in the enum" not in text
