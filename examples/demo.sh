#!/usr/bin/env bash
# The main job on the example handbook, as the commands that a user would type. `make demo` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export INHOUSE_DATA_DIR=.inhouse/demo
export INHOUSE_ASSISTANT__PURPOSE="questions about working at Quellmark and about its products"
rm -rf "$INHOUSE_DATA_DIR"

run() {
    printf '\n\033[1m$ inhouse'
    for word in "$@"; do [[ $word == *" "* ]] && printf ' "%s"' "$word" || printf ' %s' "$word"; done
    printf '\033[0m\n'
    inhouse "$@"
}

started=$SECONDS
run reindex examples/handbook
run generate-qa
run retrain
run evaluate --questions examples/questions.jsonl --arms base,tuned
run ask "How many days of paid vacation do I get each year?"
run ask "Are we ISO 27001 certified, and until when?"
run ask "Write me a poem about the sea"
printf '\nThat took %d seconds. Ask more in the browser:\n\n' $((SECONDS - started))
printf '    INHOUSE_DATA_DIR=%s .venv/bin/inhouse serve      # then open http://127.0.0.1:8000\n' "$INHOUSE_DATA_DIR"
