"""Another class for a part keeps the options that were given, and takes its own defaults for all others.

By itself, jsonargparse passes the default values of the former class on to the new one, if both have the name. Then
`--data.task CompositionalBandit` would have the ten pulls of the default task, `BarcodeBandit`.
"""

from typing import Any

from jsonargparse import Namespace, _typehints

_discard_unknown: Any = _typehints.discard_init_args_on_class_path_change


def keep_given_options_alone() -> None:
    """Make parsers drop the former class's defaults when a part gets another class."""
    _typehints.discard_init_args_on_class_path_change = _discard_defaults


def _discard_defaults(part: Any, former: Any, new: Any) -> None:
    changed = isinstance(former, Namespace) and former["class_path"] != new["class_path"]
    if changed and isinstance(former.get("init_args"), Namespace):
        defaults = _defaults(former["class_path"], getattr(part, "sub_add_kwargs", {}))
        for name, value in list(former["init_args"].items()):
            if name in defaults and defaults[name] == value:
                former["init_args"].pop(name)
    _discard_unknown(part, former, new)


def _defaults(class_path: str, keywords: Any) -> Namespace:
    """The default values of a class's arguments; none if the name is not a class."""
    try:
        parser: Any = _typehints.ActionTypeHint.get_class_parser(class_path, keywords)
    except ValueError:
        return Namespace()
    defaults: Namespace = parser.get_defaults()
    return defaults
