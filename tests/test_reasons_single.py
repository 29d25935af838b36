"""Each rule by itself on a tree of a few lines, whose values come from a model of conf."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline import explain
from tests.tinyconf import Tree, changed, text

if TYPE_CHECKING:
    from pipeline.values import Change


def of(kconfig_text: str, **options: str) -> dict[str, Change]:
    """The changes of a small tree with modules."""
    tree = Tree(f'{kconfig_text}config MODULES\n\tbool "Modules"\n\tmodules\n\tdefault y\n')
    return changed(tree.carried(text(options)))


def told(change: Change) -> tuple[str, str, str, tuple[str, ...]]:
    return change.kind, change.cause, change.where, change.parents


DEPENDENT = 'config A\n\ttristate "A"\n\tdepends on N\n\tdepends on F\n'
FELL = 'config N\n\tbool "N"\nconfig F\n\tbool "F"\n'


def test_a_condition_that_fell_is_told_before_one_that_was_never_met() -> None:
    fell = told(of(DEPENDENT + FELL, A="m", F="m", N="n")["A"])
    assert fell == ("dependency", "depends on F: F=n", "Kconfig:4", ("F",))
    never = told(of(DEPENDENT + FELL, A="m", F="n", N="n")["A"])
    assert never == ("dependency", "depends on N: N=n", "Kconfig:3", ("N",))


def test_what_fell_beside_a_condition_does_not_count_for_it() -> None:
    """F fell in the first condition, and G holds it; in the second F holds."""
    text_ = 'config A\n\tbool "A"\n\tdepends on (F || MODULES) && N\n\tdepends on F\n' + FELL
    assert told(of(text_, A="y", F="m", N="n")["A"])[2] == "Kconfig:4"


def test_of_one_condition_those_that_fell_are_told_and_asked_about() -> None:
    both = 'config A\n\tbool "A"\n\tdepends on N && F\n' + FELL
    assert told(of(both, A="y", F="m", N="n")["A"])[1::2] == ("depends on N && F: F=n", ("F",))
    assert told(of(both, A="y", F="n", N="n")["A"])[1::2] == ("depends on N && F: F=n, N=n", ("F", "N"))
    assert told(of('config A\n\tbool "A"\n\tdepends on n\n', A="y")["A"])[1::2] == ("depends on n: not met", ())


def test_of_several_definitions_the_one_that_fell_is_told() -> None:
    text_ = 'if N\nconfig A\n\tbool "A"\nendif\nif F\nconfig A\n\tbool "A"\nendif\n' + FELL
    assert told(of(text_, A="y", F="m", N="n")["A"]) == ("dependency", "depends on F: F=n", "Kconfig:5", ("F",))


def test_one_definition_that_is_free_keeps_an_option() -> None:
    text_ = 'config A\n\tbool "A"\n\tdepends on N\nconfig A\n\tbool "A" if MODULES\n' + FELL
    assert "A" not in of(text_, A="y", N="n")
    hidden = told(of(text_.replace("if MODULES", "if F"), A="y", F="m", N="n")["A"])
    assert hidden == ("invisible", "is hidden unless F: F=n", "Kconfig:5", ("F",))


def test_a_definition_without_prompt_does_not_let_anybody_set_it() -> None:
    """The second definition has its dependency met, and nobody can be asked by it."""
    text_ = 'config A\n\tbool "A"\n\tdepends on F\nconfig A\n\tbool\n\tdepends on MODULES\n' + FELL
    assert told(of(text_, A="y", F="m")["A"]) == ("dependency", "depends on F: F=n", "Kconfig:3", ("F",))


def test_a_prompt_that_is_hidden_at_y_alone() -> None:
    text_ = 'config A\n\ttristate "A" if M\nconfig M\n\ttristate "M"\n'
    assert told(of(text_, A="y", M="m")["A"]) == ("invisible", "is hidden unless M: M=m", "Kconfig:2", ("M",))


def test_a_choice() -> None:
    first = "config TWO\n\tbool\nconfig ONE\n\tbool\n"  # definitions outside
    text_ = first + 'choice\n\tprompt "C"\nconfig ONE\n\tbool "1"\nconfig TWO\n\tbool "2"\nendchoice\n'
    needs = 'config A\n\tbool "A"\n\tdepends on TWO\nconfig B\n\tbool "B"\n\tdepends on !ONE\n'
    found = of(text_ + needs, A="y", B="y", TWO="y", ONE="y", ZERO="y")
    assert told(found["TWO"]) == ("choice", "the choice took ONE", "Kconfig:5", ())
    found = of(text_ + needs, B="y", ZERO="y")
    assert told(found["ONE"]) == ("choice", "is what the choice took", "Kconfig:5", ())


def test_no_modules() -> None:
    found = of('config A\n\ttristate "A"\n', A="m", MODULES="n")
    assert told(found["A"]) == ("modules", "there are no modules here, so that m became y", "Kconfig:1", ("MODULES",))
    assert told(found["MODULES"])[0] == "asked-off"
    new = of('config A\n\tbool "A"\n\tdepends on !B\nconfig B\n\tbool "B"\n\tdefault y\n', A="y", MODULES="n")
    assert told(new["B"])[0] == "new"


def test_a_select_gives_its_own_level_and_a_bool_takes_m_for_y() -> None:
    text_ = 'config A\n\tbool "A"\n\tdepends on B = n\nconfig B\n\t{}\nconfig S\n\ttristate "S"\n\tselect B\n'
    assert told(of(text_.format("tristate"), A="y", S="m")["B"])[0] == "select"
    assert told(of(text_.format("bool"), A="y", S="m")["B"])[0] == "select"


def test_modules_come_before_a_select_and_an_invalid_m_before_both() -> None:
    text_ = 'config A\n\t{}\nconfig S\n\tbool "S"\n\tselect A\n'
    assert told(of(text_.format('tristate "A"'), A="m", S="y", MODULES="n")["A"])[0] == "modules"
    assert told(of(text_.format('tristate "A"'), A="m", S="y")["A"])[0] == "select"
    invalid = told(of(text_.format('bool "A"'), A="m", S="y", MODULES="n")["A"])
    assert invalid[:2] == ("type", "is bool here: m is invalid, and it is selected by S (Kconfig:5)")


def test_a_select_that_does_not_hold_is_no_cause() -> None:
    text_ = 'config A\n\ttristate\n\tdefault MODULES\nconfig S\n\tbool "S"\n\tselect A if N\n' + FELL
    assert told(of(text_, A="m", S="y", N="n")["A"])[:2] == ("value", "became y after olddefconfig")
    weak = 'config A\n\ttristate\n\tdefault MODULES\nconfig S\n\ttristate "S"\n\tselect A\n'
    assert told(of(weak, A="m", S="m")["A"])[0] == "value"


def test_a_dependency_has_no_say_where_selects_alone_count() -> None:
    selected = "config A\n\ttristate\n\tdepends on N\n"
    alone = told(of(selected + FELL, A="m", N="n")["A"])
    assert alone[:2] == ("derived", "has no prompt, and nothing that is on selects it")
    lower = told(of(selected + 'config S\n\ttristate "S"\n\tselect A\n' + FELL, A="y", S="m", N="n")["A"])
    assert lower[:2] == ("derived", "has no prompt, and what is on gives it m")
    for more in ("\tdefault y\n", 'config S\n\tbool "S"\n\timply A\n'):
        limited = told(of(selected + more + FELL, A="m", N="n", S="y")["A"])
        assert limited[:3] == ("dependency", "depends on N: N=n", "Kconfig:3")


def test_a_select_that_fell_is_no_cause_where_a_person_can_set_it() -> None:
    text_ = 'config A\n\tbool "A"\n\tdepends on N\nconfig S\n\tbool "S"\n\tselect A\n' + FELL
    assert told(of(text_, A="y", S="m", N="n")["A"])[:2] == ("dependency", "depends on N: N=n")


def test_a_select_that_holds_by_its_own_words_is_no_cause() -> None:
    """S is forced on, and does not select anything as its own dependency is not met."""
    text_ = 'config A\n\tbool\nconfig S\n\tbool\n\tdepends on N\n\tselect A\nconfig T\n\tbool "T"\n\tselect S\n'
    found = told(of(text_ + FELL, A="y", S="y", T="y", N="n")["A"])
    assert found[:2] == ("derived", "has no prompt, and nothing that is on selects it")


def test_a_default_that_moved_is_told_before_one_that_was_never_met() -> None:
    text_ = "config A\n\tbool\n\tdefault y if N\n\tdefault y if F\n" + FELL
    found = told(of(text_, A="y", F="m", N="n")["A"])
    assert found == ("derived", "is y if F by default: F=n", "Kconfig:4", ("F",))
    none = told(of("config A\n\tbool\n\tdefault n\n", A="y")["A"])
    assert none[:2] == ("derived", "has no prompt, and nothing that is on selects it")


def test_a_parent_that_nobody_asked_for_is_free_at_m() -> None:
    text_ = (
        'config A\n\ttristate "A"\n\tdepends on B\nconfig B\n\ttristate "B"\n\tdepends on M\n'
        'config M\n\ttristate "M"\n'
    )
    assert told(of(text_, A="y", M="m")["B"])[0] == "new"


def test_what_an_imply_turned_on() -> None:
    text_ = 'config A\n\tbool "A"\n\tdepends on !B\nconfig B\n\tbool "B"\nconfig S\n\tbool "S"\n\timply B\n'
    assert told(of(text_, A="y", S="y")["B"])[:2] == ("value", "became y after olddefconfig")


def test_a_switch_with_a_value_that_is_none() -> None:
    found = told(of('config A\n\tbool "A"\n', A="5")["A"])
    assert found[:2] == ("type", "is bool here: 5 is invalid, and it took the value of a new option, n")


def test_numbers() -> None:
    fell = "config A\n\tint\n\tdefault 5\n\tdepends on F\n" + FELL
    assert told(of(fell, A="5", F="m")["A"])[:2] == ("dependency", "depends on F: F=n")
    modular = 'config A\n\tint "A" if M\n\tdepends on M\n\tdefault 5\nconfig M\n\ttristate "M"\n'
    tree = Tree(modular + 'config MODULES\n\tbool "M"\n\tmodules\n\tdefault y\n')
    limited = replace(tree.carried("CONFIG_A=7\nCONFIG_M=m\n"), final="CONFIG_A=6\nCONFIG_M=m\nCONFIG_MODULES=y\n")
    found = changed(explain.explained(limited, tree.index, "olddefconfig"))
    assert told(found["A"])[:3] == ("value", "is 6 here: a default or a limit", "Kconfig:1")


def test_who_never_selected_it_is_no_cause() -> None:
    """S fell, and its select did not hold before; as a parent, A was off before."""
    text_ = 'config A\n\tbool\nconfig S\n\tbool "S"\n\tselect A{}\nconfig B\n\tbool "B"\n\tdepends on A\n' + FELL
    assert told(of(text_.format(" if N"), A="y", S="m", N="n")["A"])[3] == ()
    assert told(of(text_.format(""), B="y", S="m")["A"])[3] == ()
    assert told(of(text_.format(""), A="y", S="m")["A"])[3] == ("S",)


@pytest.mark.parametrize(
    ("default", "taken"),
    [
        ("y", "y"), ("y if MODULES", "y"), ("MODULES", "MODULES"), ("n\n\tdefault y", ""), ("y if N", ""), ("F", ""),
        ("n if $(cc-option,-x)\n\tdefault y", ""), ("y if F\n\tdefault MODULES if MODULES", "MODULES"),
    ],
)  # fmt: skip
def test_a_new_option_whose_default_a_policy_does_not_take(default: str, taken: str) -> None:
    text_ = f'config A\n\tbool "A"\n\tdepends on NEW\nconfig NEW\n\tbool "New"\n\tdefault {default}\n'
    modules = 'config MODULES\n\tbool "M"\n\tmodules\n'
    tree = Tree(text_ + modules + FELL, policy="allnoconfig", new="n")
    new = told(changed(tree.carried("CONFIG_A=y\nCONFIG_MODULES=y\nCONFIG_F=m\n"))["NEW"])
    words = f"allnoconfig does not take its default, {taken}" if taken else "no default is seen to turn it on"
    assert new[:2] == ("new", f"is not in the old .config, and {words}")
    assert new[2] == (f"Kconfig:{6 + default[:-2].count('default')}" if taken else "Kconfig:4")


def test_the_default_of_an_heir_is_what_the_old_config_said() -> None:
    text_ = 'config T\n\ttristate\n\ttransitional\nconfig H\n\tbool "H"\n\tdefault T if T\n'
    by = Tree(text_.replace("default T if", "default y if") + "config A\n\tbool\n\tdefault H\n", new="n")
    assert told(changed(by.carried("CONFIG_T=m\nCONFIG_A=y\n"))["H"])[1].endswith("does not take its default, y")
    found = changed(Tree(text_, policy="allnoconfig", new="n").carried("CONFIG_T=m\n"))
    assert told(found["H"])[:2] == ("new", "is not in the old .config, and allnoconfig does not take its default, T")
    assert (found["H"].asked, found["H"].got) == ("y", "n")
    assert told(found["T"]) == (
        "transitional", "is only read from old configs here; its value goes to H=n", "Kconfig:1", ("H",),
    )  # fmt: skip


def test_a_transitional_option_without_heirs() -> None:
    found = of("config T\n\ttristate\n\ttransitional\n", T="m")["T"]
    assert told(found)[:2] == ("transitional", "is only read from old configs here; its value goes to nobody")


def test_what_no_rule_explains_is_said_to_be_unknown() -> None:
    """As localmodconfig does it: the .config that conf was given is another one."""
    tree = Tree('config A\n\ttristate "A"\n\tdepends on $(x)\nconfig A\n\ttristate "A"\n')
    other = replace(tree.carried("CONFIG_A=m\n"), final="# CONFIG_A is not set\n")
    found = changed(explain.explained(other, tree.index, "localmodconfig"))
    assert told(found["A"])[:2] == ("unknown", "was asked to be m, could be, and is n after localmodconfig")


def test_many_that_were_never_on_are_shown_in_part_and_lead_nowhere() -> None:
    names = [f"N{number}" for number in range(6)]
    text_ = "".join(f'config {name}\n\tbool "{name}"\n' for name in names)
    found = of(f'config A\n\tbool "A"\n\tdepends on {" && ".join(names)}\n{text_}', A="y")["A"]
    assert found.cause.endswith(": N0=n, N1=n, N2=n, N3=n")
    assert found.parents == ()
    four = of(f'config A\n\tbool "A"\n\tdepends on {" && ".join(names[:4])}\n{text_}', A="y")["A"]
    assert four.parents == tuple(names[:4])


def test_what_hangs_on_a_macro_is_left_to_conf() -> None:
    macro = "$(cc-option,-mfoo)"
    depends = of(f'config A\n\tbool "A"\n\tdepends on {macro}\n', A="y")["A"]
    assert told(depends)[:3] == ("unknown", f"hangs on {macro}, which conf alone can answer", "Kconfig:3")
    with_other = f'config A\n\tbool "A"\n\tdepends on {macro}\nconfig A\n\tbool\n'
    assert told(of(with_other, A="y")["A"])[1] == f"hangs on {macro}, which conf alone can answer"
    raised = f'config A\n\t{{}}\n\tdefault MODULES\nconfig S\n\tbool "S"\n\tselect A if {macro}\n'
    assert told(of(raised.format("tristate"), A="m", S="y")["A"])[0] == "value"
    assert "is selected" not in told(of(raised.format("bool"), A="m", S="y")["A"])[1]
    selected = f'config A\n\tbool\nconfig S\n\tbool "S"\n\tselect A if {macro}\n'
    assert told(of(selected, A="y", S="y")["A"])[3] == ()
    default = of(f"config A\n\tdef_bool {macro}\n", A="y")["A"]
    assert told(default)[:3] == ("derived", f"is {macro} by default: conf alone can answer that", "Kconfig:2")
    new = of(f'config A\n\tbool "A"\n\tdepends on B\nconfig B\n\tbool "B"\n\tdefault y if {macro}\n', A="y")["B"]
    assert told(new)[:2] == ("new", "is not in the old .config, and no default is seen to turn it on")
