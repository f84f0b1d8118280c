"""Long messages of libraries, cut down to the one line that tells the user what to mend."""

import re

#: Openings of lines that only repeat what the parser was doing.
FILLERS = ("usage:", "tip:", "Parser key", "Problem with given class_path", "Does not validate against any")


def one_line(message: str) -> str:
    """The message's telling lines, joined into one of at most 400 characters."""
    lines = [re.sub(r"\s+", " ", line).strip(" -\t:") for line in message.splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if not line.startswith(FILLERS)] or lines
    key = re.search(r'[Kk]ey "?\'?([\w.]+)', message)
    text = "; ".join(dict.fromkeys(telling))
    if key and key.group(1) not in text:
        text = f"{key.group(1)}: {text}"
    return text if len(text) <= 400 else text[:397] + "..."
