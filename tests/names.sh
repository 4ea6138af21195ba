#!/bin/sh
# The people of the fixtures, a pattern a line: their names and every number of the 999 test range. Nothing that the
# program prints may match (promise P10).
cat <<'NAMES'
Winifred
Attwater
Philippa
Quillfeather
999000[0-9]{4}
NAMES
