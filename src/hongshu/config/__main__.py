"""Print what is generated from the settings, to be written where it is committed.

`python -m hongshu.config reference > docs/reference/settings.md`
`python -m hongshu.config example > docs/hongshu.example.toml`
"""

import sys

from hongshu.config import example_toml, reference_markdown

if __name__ == "__main__":
    text = example_toml() if sys.argv[1:] == ["example"] else reference_markdown("en", "zh")
    sys.stdout.buffer.write(text.encode())
