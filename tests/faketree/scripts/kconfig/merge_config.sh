#!/bin/sh
# usage: merge_config.sh [-n] [-s] BASE [FRAGMENT...]
# Lays fragments over a base in the working directory, fills in the rest, and says what did not come out as asked.
set -e
target=alldefconfig strict=false
while true; do
  case $1 in
  "-n") target=allnoconfig; shift ;;
  "-s") strict=true; shift ;;
  *) break ;;
  esac
done
merged=./.tmp.config
echo "Using $1 as base"
cat "$1" > $merged
shift
for fragment in "$@"; do
  echo "Merging $fragment"
  for symbol in $(sed -n 's/^\(# \)\{0,1\}\(CONFIG_[A-Z0-9_]*\).*/\2/p' "$fragment"); do
    old=$(grep -w "$symbol" $merged || true) new=$(grep -w "$symbol" "$fragment")
    if [ -n "$old" ] && [ "$old" != "$new" ]; then
      echo "Value of $symbol is redefined by fragment $fragment:"
      failed=$strict
    fi
    sed -i "/$symbol[ =]/d" $merged
  done
  cat "$fragment" >> $merged
done
if [ "$failed" = true ]; then
  echo "The fragment redefined a value and strict mode had been passed."
  exit 1
fi
make KCONFIG_ALLCONFIG=$merged $target
grep '^CONFIG_' $merged | while read -r line; do
  grep -qxF "$line" .config || echo "WARNING: Value requested for ${line%%=*} not in final .config"
done
