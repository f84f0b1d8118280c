"""Config files that are no configs."""

from pathlib import Path

DEEP = "a: " + "[" * 2000 + "]" * 2000
BROKEN: dict[str, bytes] = {
    "empty.yaml": b"",
    "binary.yaml": bytes(range(256)) * 4,
    "png.yaml": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "latin1.yaml": "run: {name: gr\u00fcn}\n".encode("latin-1"),
    "utf16.yaml": "run: {name: x}\n".encode("utf-16"),
    "tab.yaml": b"run:\n\tname: x\n",
    "open.yaml": b"run: {name: x\n",
    "list.yaml": b"- run\n- model\n",
    "text.yaml": b"just some words\n",
    "number.yaml": b"3\n",
    "null.yaml": b"null\n",
    "true.yaml": b"true\n",
    "twice.yaml": b"run: {name: x}\nrun: {name: y}\n",
    "twice_inside.yaml": b"run:\n  name: x\n  name: y\n",
    "two_documents.yaml": b"run: {name: x}\n---\nrun: {name: y}\n",
    "unknown_section.yaml": b"modell: {}\n",
    "unknown_key.yaml": b"trainer: {max_epoch: 3}\n",
    "section_is_list.yaml": b"trainer: [1, 2]\n",
    "section_is_text.yaml": b"run: here\n",
    "section_is_null.yaml": b"trainer: null\n",
    "model_is_null.yaml": b"model: null\n",
    "data_is_null.yaml": b"data: null\n",
    "data_is_number.yaml": b"data: 3\n",
    "number_key.yaml": b"3: 4\n",
    "null_key.yaml": b"null: 4\n",
    "list_key.yaml": b"? [a, b]\n: 4\n",
    "dotted_key.yaml": b"model.memory.nosuch: 4\n",
    "python_tag.yaml": b"run: {name: !!python/object/apply:os.getcwd []}\n",
    "unknown_tag.yaml": b"run: {name: !nosuch x}\n",
    "no_anchor.yaml": b"run: {name: *nosuch}\n",
    "loop.yaml": b"run: &a {name: *a}\n",
    "deep.yaml": DEEP.encode(),
    "escape.yaml": b'run: {name: "\\e[31mred"}\n',
    "escape_key.yaml": b'"\\e[31mred": 3\n',
    "newline.yaml": b'run: {name: "two\\nlines"}\n',
    "nul.yaml": b'run: {name: "a\\0b"}\n',
    "no_class.yaml": b"model: {class_path: NoSuch}\n",
    "class_is_number.yaml": b"model: {class_path: 3}\n",
    "class_is_list.yaml": b"model: {class_path: [EpisodicAgent]}\n",
    "arguments_are_list.yaml": b"model: {class_path: EpisodicAgent, init_args: [1]}\n",
    "callbacks_are_number.yaml": b"trainer: {callbacks: 3}\n",
    "callbacks_hold_null.yaml": b"trainer: {callbacks: [null]}\n",
    "callback_unknown.yaml": b"trainer: {callbacks: [{class_path: NoSuch}]}\n",
    "subcommand.yaml": b"fit: {run: {name: x}}\n",
    "config_in_config.yaml": b"config: other.yaml\n",
}
#: Those that may be taken: an empty file says nothing, another section may be left out.
HARMLESS = {"empty.yaml", "null.yaml", "utf16.yaml", "section_is_null.yaml", "data_is_null.yaml"}


def write_broken(folder: Path) -> None:
    """Write all of them."""
    for name, content in BROKEN.items():
        (folder / name).write_bytes(content)
