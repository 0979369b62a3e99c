"""A file's text as a tree that knows its places; and every file that is none, told in a sentence."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.templates import Place, TemplateError, check, check_text, lint
from lambdacourse.templates.document import MOST_LEVELS, load, parse

QUEUE = "Resources:\n  Orders:\n    Type: AWS::SQS::Queue\n"


def plain(value):
    """A tree without its places."""
    data = value.data
    if isinstance(data, dict):
        return {name: plain(item) for name, item in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data


def test_everything_has_its_line_and_column():
    """Lines and columns count from 1, of names and of values, in block and in flow style."""
    tree = parse("Resources:\n  Q:\n    Properties: {DelaySeconds: 5, Tags: [a, b]}\n")
    delay = tree.at("Resources.Q.Properties.DelaySeconds")
    assert (delay.data, delay.place, delay.name_place) == (5, Place(3, 32), Place(3, 18))
    assert [item.place.column for item in tree.at("Resources.Q.Properties.Tags").data] == [42, 45]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.Arn", {"Fn::GetAtt": ["A", "Arn"]}),
        ("!GetAtt [A, Arn]", {"Fn::GetAtt": ["A", "Arn"]}),
        ("!GetAtt A.Outputs.Name", {"Fn::GetAtt": ["A", "Outputs.Name"]}),
        ("!Sub '${A}-x'", {"Fn::Sub": "${A}-x"}),
        ("!If [C, 1, !Ref A]", {"Fn::If": ["C", 1, {"Ref": "A"}]}),
        ("!Condition C", {"Condition": "C"}),
    ],
)
def test_short_forms_become_long_forms(short, long):
    """A short form is the same tree as its long form."""
    assert plain(parse(f"x: {short}")["x"]) == long
    assert plain(parse(json.dumps({"x": long}))["x"]) == long


@pytest.mark.parametrize(
    ("text", "data"),
    [("3", 3), ("0.5", 0.5), ("yes", True), ("'3'", "3"), ("2012-10-17", "2012-10-17"), ("~", None), ("!!str 3", "3")],
)
def test_plain_values(text, data):
    """Values are read as YAML 1.1 has it, but dates stay texts."""
    assert parse(f"x: {text}")["x"].data == data


def test_merge_keys_and_aliases():
    """An alias is what it stands for; '<<' fills in what a table does not say itself."""
    tree = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n")
    assert plain(tree) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text('aé☃"\\: #-{[&*!', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ", min_size=1), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=40, deadline=None)
@given(TREES, st.sampled_from([None, 2, "\t"]))
def test_json_is_read_as_json_is(tree, indent):
    """What Python's own JSON writes is read back, tabs between the tokens included."""
    assert plain(parse(json.dumps({"x": tree}, indent=indent, ensure_ascii=False))["x"]) == tree


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("aR:-[]{}&*!<>|#'\"\\ \n\t0,%@`?\x00\x85\ufeff"), max_size=40))
def test_no_text_crashes_the_reader(text):
    """Any text is a tree or a TemplateError with a sentence, nothing else."""
    try:
        parse(text)
    except TemplateError as error:
        assert error.sentence.endswith((".", ")"))


BAD = {
    "nothing": ("", Place(1, 1), "not a template"),
    "a list": ("- a\n- b\n", Place(1, 1), "not a template"),
    "prose": ("Dear reader,\n", Place(1, 1), "not a template"),
    "no Resources": ("Orders:\n  Type: AWS::SQS::Queue\n", Place(1, 1), "put it under Resources"),
    "Resources is a list": ("Resources:\n  - Orders\n", Place(2, 3), "must be a table"),
    "an open bracket": (QUEUE + "    Properties: {a: [1, 2\n", Place(5, 1), "not YAML"),
    "a tab": ("Resources:\n\tOrders: 1\n", Place(2, 1), "not YAML"),
    "a stray comma in JSON": ('{"Resources": {"Q": {},}}x', None, "not YAML"),
    "a control character": ("a: 1\nb: \x07\n", Place(2, 4), "U+0007"),
    "a name twice": (QUEUE + "    Type: AWS::SQS::Queue\n", Place(4, 5), "stands twice"),
    "two documents": (QUEUE + "---\na: 1\n", Place(4, 1), "second YAML document"),
    "an alias of nothing": ("Resources: *nothing\n", Place(1, 12), "no anchor"),
    "an alias of itself": ("Resources: &r\n  Orders: *r\n", Place(2, 11), "circle"),
    "conditions in a circle": (
        "Conditions:\n  A: !Condition B\n  B: !Not [!Condition A]\n" + QUEUE + "    Condition: A\n",
        Place(3, 12),
        "A → B → A",
    ),
    "Python": ("Resources:\n  Orders: !!python/object/apply:os.system [id]\n", Place(2, 11), "nothing of it was run"),
    "501 resources": ("Resources:\n" + "".join(f"  Q{i}: {{Type: AWS::SQS::Queue}}\n" for i in range(501)), Place(2, 3), "500"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_text_is_one_sentence_with_its_place(what):
    """What is no template is one finding: a sentence, with line and column."""
    text, place, words = BAD[what]
    (finding,) = check_text(text).findings
    assert finding.rule == "cannot-be-read" and words in finding.text and finding.text.endswith((".", ")"))
    assert place in (None, finding.place)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 300_000,
        "a: " + "{b: " * 50_000,
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"b{i}: &b{i} [{','.join([f'*b{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9)),
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3_000)),
    ],
    ids=["brackets", "tables", "bomb", "chain"],
)
def test_small_files_that_grow_are_refused(text):
    """Depth and size have bounds, aliases counted: a file of a few bytes becomes neither a crash nor a long wait."""
    start = time.process_time()
    (finding,) = check_text(text).findings
    assert "no template needs that" in finding.text or f"{MOST_LEVELS} levels" in finding.text
    assert time.process_time() - start < 10


def test_files_that_cannot_be_read(tmp_path):
    """A missing file, a folder, a wrong encoding and 5 MB raise a TemplateError that names the file."""
    latin, huge = tmp_path / "latin.yaml", tmp_path / "huge.yaml"
    latin.write_bytes("Resources:\n  # caf\xe9\n".encode("latin-1"))
    huge.write_bytes(b"a: 1\n" * 1_000_000)
    for file, words in [
        (tmp_path / "missing.yaml", "cannot be read"),
        (tmp_path, "not a file"),
        (latin, "line 2, column 8: byte 0xE9 is not UTF-8"),
        (huge, "5,000,000 bytes are more than the 1,000,000"),
    ]:
        with pytest.raises(TemplateError) as caught:
            check(file)
        assert str(file) in str(caught.value) and words in str(caught.value)


def test_byte_order_mark_is_no_matter(tmp_path):
    """A file that begins with a byte order mark is read as one that does not."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + QUEUE.encode())
    assert plain(parse(load(file))) == plain(parse(QUEUE))


def test_a_template_cannot_load_rules(tmp_path):
    """A template's Metadata, or a .cfnlintrc beside it, that names a folder of Python rules is not heeded."""
    traces = tmp_path / "ran"
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "Bad.py").write_text(f"open({str(traces)!r}, 'w').close()\n", encoding="utf-8")
    (tmp_path / ".cfnlintrc").write_text(f"append_rules: [{tmp_path / 'rules'}]\n", encoding="utf-8")
    lint._runner.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        check_text(f"Metadata: {{cfn-lint: {{config: {{append_rules: [{tmp_path / 'rules'}]}}}}}}\n{QUEUE}")
    assert not traces.exists()
