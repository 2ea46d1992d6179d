# Reads dialect.txt, then .cs and .md files. Prints FILE:LINE: TEXT: RULE for each finding, and at the end the counts of words for
# XML comments and for the pages of the documentation, as text.sh compares them. POSIX awk.
BEGIN { FS = "\t" }

FILENAME ~ /dialect\.txt$/ {
  if ($0 !~ /^#/ && NF == 2) {
    rules++
    expression[rules] = "[^a-z'-](" $1 ")[^a-z'-]"
    reason[rules] = $2
    any = (any == "" ? "" : any "|") $1
  }
  next
}

function find(text,   line, i) {
  line = " " tolower(text) " "
  if (line !~ any) return
  for (i = 1; i <= rules; i++)
    if (match(line, expression[i])) {
      printf "%s:%d: \"%s\": %s\n", FILENAME, FNR, substr(line, RSTART + 1, RLENGTH - 2), reason[i]
      found = 1
    }
}

function count(kind, text,   parts, n, i) {
  n = split(tolower(text), parts, /[^a-z'-]+/)
  for (i = 1; i <= n; i++) {
    if (parts[i] !~ /[a-z]/) continue
    words[kind]++
    if (parts[i] == "where") where[kind]++
    else if (parts[i] == "what" || parts[i] == "who" || parts[i] == "nobody") pronouns[kind]++
    else if (parts[i] == "if" || parts[i] == "when") conditions[kind]++
  }
}

# A summary starts with a verb in the third person or with a noun phrase.
function summary(text) {
  sub(/^ */, "", text)
  if (text ~ /^(What|Who|Whose|Whom|Which|Where|When|Why|How|Whether|That|If|It|They|True|False|Null)[ .,]/) {
    printf "%s:%d: \"%s\": start the summary with a verb (\"Gets\", \"Returns\") or a noun phrase\n", FILENAME, FNR, substr(text, 1, 30)
    found = 1
  }
}

FNR == 1 { code = 0; begins = 0; summaries = 0 }

FILENAME ~ /\.cs$/ {
  if ($0 !~ /^ *\/\/\//) { code = 0; begins = 0; summaries = 0; next }
  sub(/^ *\/\/\//, "")
  if (/<summary>/ && ++summaries > 1) {
    printf "%s:%d: a comment has one summary\n", FILENAME, FNR
    found = 1
  }
  if (/<code/) code = 1
  if (!code) {
    gsub(/<c>[^<]*<\/c>/, " ")
    if (begins) summary($0)
    else if (/<summary> *[^ <]/) { first = $0; sub(/^ *<summary>/, "", first); summary(first) }
    begins = /<summary> *$/
    gsub(/<[^>]*>/, " ")
    find($0)
    count("xml", $0)
  }
  if (/<\/code>/) code = 0
  next
}

/^ *```/ { code = !code; next }
code { next }
{
  gsub(/`[^`]*`/, " ")
  gsub(/\]\([^)]*\)/, "]")
  gsub(/"[^"]*"/, " ")
  find($0)
  if (FILENAME ~ /^docs\// || FILENAME == "README.md") count("docs", $0)
}

function per(number, kind) { return 1000 * number / words[kind] }

function report(kind, name) {
  printf "%s: %d words; for each 1,000: where %.1f (at most 2), what, who, nobody %.1f (at most 3), if, when %.1f (at least 12)\n",
    name, words[kind], per(where[kind], kind), per(pronouns[kind], kind), per(conditions[kind], kind)
  if (per(where[kind], kind) > 2 || per(pronouns[kind], kind) > 3 || per(conditions[kind], kind) < 12) found = 1
}

END {
  report("xml", "XML comments")
  report("docs", "README and docs")
  exit found
}
