from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import told

CONF = """.config:1090:warning: symbol value 'm' invalid for HYPERV
  SYNC    include/config/auto.conf
.config:2140:warning: override: reassigning to symbol HYPERV
./.tmp.config.lJOHSR:7:warning: symbol value 'HYPERV_NET' invalid for SENSORS_it87
.config:8:warning: unknown symbol: FB_HYPERV
make: warning: something else about HYPERV
"""
# As 6.1, 6.12 and 7.3 print them: merge_config.sh, streamline_config.pl, conf.c, confdata.c, symbol.c.
NAMING = [
    ("Value requested for CONFIG_HYPERV_NET not in final .config", {"HYPERV_NET"}),
    ("WARNING: Value requested for CONFIG_HYPERV_NET not in final .config", {"HYPERV_NET"}),
    ("Value of CONFIG_VSOCKETS is redefined by fragment layer-1.config:", {"VSOCKETS"}),
    ("Value of CONFIG_VSOCKETS is redefined by fragment CONFIG_HYPERV=m.config:", {"VSOCKETS"}),
    ("WARNING: CONFIG_HYPERV differs:", {"HYPERV"}),
    ("WARNING: CONFIG_SYSFB not in merged config but added in final .config:", {"SYSFB"}),
    ("module hv_vmbus did not have configs CONFIG_HYPERV_VMBUS", {"HYPERV_VMBUS"}),
    ("module i2c_core did not have configs CONFIG_I2C CONFIG_I2C_SMBUS", {"I2C", "I2C_SMBUS"}),
    ("Microsoft Hyper-V core hypervisor support (HYPERV) [N/y/?] (NEW) ", {"HYPERV"}),
    ("    Microsoft Hyper-V VMBus driver (HYPERV_VMBUS) [Y/n/m/?] (NEW) n", {"HYPERV_VMBUS"}),
    ("> 1. Built in (BUS_Y) (NEW)", {"BUS_Y"}), ("    2. Module (of others) (BUS_M) (NEW)", {"BUS_M"}),
    ("CONFIG_HYPERV=n", {"HYPERV"}),
    ("  CONFIG_HYPERV_NET: m -> n", {"HYPERV_NET"}),
    ("WARNING: unmet direct dependencies detected for SYSFB", {"SYSFB"}),
]
SILENT = [
    "", " ", "warning: HYPERV", "make[1]: Entering '/work/HYPERV'", "a b:1:warning: HYPERV",
    ".config:x:warning: HYPERV", "Previous value: CONFIG_HYPERV=m", "New value: CONFIG_HYPERV=y",
    "Requested value:  CONFIG_HYPERV=m", "Actual value:     # CONFIG_HYPERV is not set", "# CONFIG_HYPERV is not set",
    "Using layer-0.config as base", "> 1. Built in (BUS_Y)", "choice[1-2?]: ", "> 1. Built in (NEW)",
    "Microsoft Hyper-V core hypervisor support (HYPERV) [Y/n/?] y", "configuration written to .config",
    "the module x did not have configs CONFIG_HYPERV", "CONFIG_HYPERV: m -> n", "HYPERV=m",
    "Error in reading or end of file.", "The fragment redefined a value and strict mode had been passed.",
]  # fmt: skip


def test_warnings_of_conf() -> None:
    found = told.told("", CONF)
    assert [(one.invalid, set(one.symbols)) for one in found] == [
        ("HYPERV", {"HYPERV"}), ("SENSORS_it87", {"SENSORS_it87"}), ("", {"HYPERV"}), ("", {"FB_HYPERV"}),
    ]  # fmt: skip
    assert found[0].text == ".config:1090:warning: symbol value 'm' invalid for HYPERV"


def test_a_value_that_names_an_option_is_no_word_about_it() -> None:
    (one,) = told.told("", ".config:7:warning: symbol value 'HYPERV_NET' invalid for 64BIT\n")
    assert (set(one.symbols), one.invalid) == ({"64BIT"}, "64BIT")


@pytest.mark.parametrize(("line", "symbols"), NAMING, ids=[line[:40] for line, _ in NAMING])
@pytest.mark.parametrize("stream", [0, 1], ids=["stdout", "stderr"])
def test_every_line_that_names_an_option(line: str, symbols: set[str], stream: int) -> None:
    streams = ["noise\n", "noise\n"]
    streams[stream] += f"{line}\nmore\n"
    (one,) = told.told(*streams)
    assert (one.text, set(one.symbols), one.invalid) == (line.strip(), symbols, "")


@pytest.mark.parametrize("line", SILENT)
def test_other_lines_name_nothing(line: str) -> None:
    assert told.told(f"{line}\n", f"{line}\n") == ()


def test_warnings_come_before_what_is_said_elsewhere_and_invalid_values_first() -> None:
    found = told.told("CONFIG_A=n\n.config:3:warning: symbol value 'm' invalid for B\n", "WARNING: CONFIG_A differs:\n")
    assert [one.text[:10] for one in found] == [".config:3:", "WARNING: C", "CONFIG_A=n"]


@given(st.text(max_size=300), st.text(alphabet="module didnothavecnfgsCONFIG_[]() NEW:->=.'1\n", max_size=300))
def test_no_text_raises_and_each_finding_is_a_line_that_names_something(out: str, err: str) -> None:
    for one in told.told(out, err):
        assert one.symbols
        assert one.text.strip() in out + err
        assert not one.invalid or one.symbols == {one.invalid}
