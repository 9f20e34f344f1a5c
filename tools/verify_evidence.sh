#!/bin/sh
# verify_evidence.sh BUNDLE ROOTS [CHECKPOINT]: a second verifier of evidence bundles, written from docs/evidence.md and
# docs/wire.md alone. CHECKPOINT is an earlier one of the log, which it must go on from.
#
# It shares no code with stillcold-verify, and needs only a POSIX shell with GNU's tools, OpenSSL 3, xxd, gzip and zstd. It
# looks at every byte: what it does not understand (profiles, alerts, registry, …) it holds against the signed hashes.
# Exit code 0: nothing failed; 1: something did; 2: it could not look.
set -u
LC_ALL=C
export LC_ALL
[ $# -ge 2 ] && [ $# -le 3 ] && [ -r "$1" ] && [ -r "$2" ] && { [ $# -eq 2 ] || [ -r "$3" ]; } ||
  { echo "usage: $0 BUNDLE ROOTS [CHECKPOINT]" >&2; exit 2; }
for tool in openssl xxd gzip zstd awk cmp; do
  command -v $tool > /dev/null || { echo "$0: $tool is missing" >&2; exit 2; }
done
BUNDLE=$1
T=$(mktemp -d) || exit 2
trap 'rm -rf "$T"' EXIT
trap 'exit 2' HUP INT TERM
[ $# -eq 2 ] || cp "$3" "$T/earlier" || exit 2
mkdir "$T/files" "$T/keys"
BAD=0

fail() { echo "FAIL   $1: $2"; BAD=1; : > "$T/failed.$1"; }
pass() { [ -e "$T/failed.$1" ] || echo "PASS   $1: $2"; }
finish() { [ $BAD -eq 0 ] && echo "PASS" || echo "FAIL"; exit $BAD; }
piece() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; } # FILE OFFSET LENGTH
hex() { xxd -p | tr -d '\n'; }
unhex() { xxd -r -p; }
sha256() { openssl dgst -sha256 -r | { read -r sum _; echo "$sum"; }; }
short() { xxd -p -c 256 -s "$2" -l "$3" "$1"; } # FILE OFFSET LENGTH, at most 256: in hexadecimal
little() { # NUMBER WIDTH: hexadecimal, low byte first
  _n=$1 _w=$2
  while [ "$_w" -gt 0 ]; do printf '%02x' $((_n & 255)); _n=$((_n >> 8)) _w=$((_w - 1)); done
}
unlittle() { # HEX: the number
  _h=$1 _n=0 _s=0
  while [ -n "$_h" ]; do
    _r=${_h#??}
    _n=$((_n + (0x${_h%"$_r"} << _s))) _s=$((_s + 8)) _h=$_r
  done
  echo $_n
}

# --- roots ------------------------------------------------------------------------------------------------------------
sed -n '/"authorities"/,/"logs"/p' "$2" | sed 's/\\n/\n/g' | sed 's/^.*-----BEGIN/-----BEGIN/' |
  sed -n '/^-----BEGIN CERT/,/^-----END CERT/p' > "$T/roots.pem"
sed -n '/"logs"/,$p' "$2" | grep -o '[A-Za-z0-9./:_-]*+[0-9a-f]\{8\}+[A-Za-z0-9+/=]*' > "$T/logs"
[ -s "$T/logs" ] || { echo "$0: $2 names no log" >&2; exit 2; }

pem() { # DER-PREFIX KEY: both hexadecimal
  echo "-----BEGIN PUBLIC KEY-----"
  printf '%s%s' "$1" "$2" | unhex | openssl base64 -A
  printf '\n%s\n' "-----END PUBLIC KEY-----"
}
ED25519=302a300506032b6570032100 # SubjectPublicKeyInfo up to the key, RFC 8410
P256=3039301306072a8648ce3d020106082a8648ce3d030107032200 # and of a compressed point, RFC 5480

# --- signed notes (c2sp.org/signed-note) --------------------------------------------------------------------------------
# note FILE LOGS: verifies it, leaves its text in note.text, the key's name in NAME and the key in note.key; says on failure
# what is wrong
note() {
  sed '$d' "$1" | sed '$d' > "$T/note.text"
  line=$(sed -n '$p' "$1" | tr -d '\000')
  NAME=${line#???" "} encoded=${line##* }
  NAME=${NAME%% *}
  signature=$(printf '%s' "$encoded" | openssl base64 -d -A 2> /dev/null | hex)
  { cat "$T/note.text"; printf '\n\342\200\224 %s ' "$NAME"; printf '%s' "$signature" | unhex | openssl base64 -A; echo; } \
    > "$T/note.again"
  cmp -s "$T/note.again" "$1" || { echo "it is no note with one signature"; return 1; }
  id=$(printf '%s' "$signature" | cut -c 1-8)
  key=$(grep -F "$NAME+$id+" "$2" | grep "^$(printf '%s' "$NAME" | sed 's/[.[\*^$]/\\&/g')+" | head -n 1)
  [ -n "$key" ] || { echo "no trusted key has signed it"; return 1; }
  echo "$key" > "$T/note.key"
  raw=$(printf '%s' "${key#"$NAME+$id+"}" | openssl base64 -d -A | hex)
  pem $ED25519 "${raw#01}" > "$T/note.pem"
  printf '%s' "${signature#????????}" | unhex > "$T/note.sig"
  openssl pkeyutl -verify -pubin -inkey "$T/note.pem" -rawin -in "$T/note.text" -sigfile "$T/note.sig" > /dev/null 2>&1 ||
    { echo "the signature is not this key's over this text"; return 1; }
}

# --- the container ------------------------------------------------------------------------------------------------------
# ZIP, stored, every header as its content has it: the files are taken out, and the container is made again from them.
SIZE=$(wc -c < "$BUNDLE")
FIXED=14000000000000002100
at=0 count=0
: > "$T/names"
: > "$T/again"
: > "$T/directory"
while [ "$(piece "$BUNDLE" $at 4 | hex)" = 504b0304 ]; do
  head=$(piece "$BUNDLE" $at 30 | hex)
  length=$(unlittle "$(echo "$head" | cut -c 53-56)") size=$(unlittle "$(echo "$head" | cut -c 45-52)")
  name=$(piece "$BUNDLE" $((at + 30)) $length | tr '\000\n' '??')
  case $name in
    */*/* | *[!A-Za-z0-9._/-]* | [!A-Za-z0-9]* | */[!A-Za-z0-9]* | */ | "") fail container "the header at byte $at has no name of a file"; finish ;;
  esac
  begin=$((at + 30 + length))
  [ $((begin + size)) -le "$SIZE" ] || { fail container "$name: the container ends within it"; finish; }
  grep -qxF "$name" "$T/names" && { fail container "$name: stands in it twice"; finish; }
  echo "$name" >> "$T/names"
  case $name in */*) mkdir -p "$T/files/${name%/*}" ;; esac
  [ ! -e "$T/files/$name" ] && piece "$BUNDLE" $begin "$size" > "$T/files/$name" 2> /dev/null ||
    { fail container "$name: cannot be taken out"; finish; }
  entry=$FIXED$(gzip -1 -n < "$T/files/$name" | tail -c 8 | head -c 4 | hex)$(little "$size" 4)$(little "$size" 4)
  entry=$entry$(little ${#name} 2)0000
  { printf '504b0304%s' "$entry" | unhex; printf '%s' "$name"; cat "$T/files/$name"; } >> "$T/again"
  { printf '504b01021400%s00000000000000000000%s' "$entry" "$(little $at 4)" | unhex; printf '%s' "$name"; } >> "$T/directory"
  at=$((begin + size)) count=$((count + 1))
done
wide=$(wc -c < "$T/directory")
{
  cat "$T/directory"
  printf '504b050600000000%s%s%s%s0000' "$(little $count 2)" "$(little $count 2)" "$(little "$wide" 4)" "$(little $at 4)" | unhex
} >> "$T/again"
cmp "$T/again" "$BUNDLE" > "$T/difference" 2>&1 || fail container "not the one form of its files: $(sed 's/^.*differ: //' "$T/difference")"
pass container "$count files in $SIZE bytes"
cd "$T/files" || exit 2

EVERY="batches.bin batches.txt keys.txt checkpoint.txt proof.txt growth.txt gaps.json clock.json registry.toml alerts.json"
EVERY="$EVERY attestations.json enrolments.json notes.json calibration.json rules.json README.txt"
# --- the manifest and the files -----------------------------------------------------------------------------------------
[ -f manifest.txt ] || { fail manifest "manifest.txt: is not in the bundle"; finish; }
said=$(note manifest.txt "$T/logs") || { fail manifest "manifest.txt: $said"; finish; }
cp "$T/note.text" "$T/manifest"
cp "$T/note.key" "$T/log" # the checkpoint must be of the same
[ "$(head -n 1 "$T/manifest")" = stillcold-evidence/1 ] || { fail manifest "manifest.txt: expected a manifest of a bundle"; finish; }
pass manifest "$(sed -n '2,4p' "$T/manifest" | tr '\n' ' ')"
sed -n 's/^file [0-9a-f]* [0-9]* //p' "$T/manifest" > "$T/stated"
echo manifest.txt >> "$T/stated"
for name in $(grep -vxE 'certificates/.*|profiles/.*|manifest.txt' "$T/names"); do
  case " $EVERY " in *" $name "*) ;; *) fail files "$name: is no file of a bundle, and nobody looks at it" ;; esac
done
cmp -s "$T/stated" "$T/names" || fail files "not those of the manifest: $(sort "$T/stated" "$T/names" | uniq -u | tr '\n' ' ')"
while read -r word sum size name; do
  [ "$word" = file ] && [ -f "$name" ] || continue
  [ "$(wc -c < "$name")" -eq "$size" ] && [ "$(sha256 < "$name")" = "$sum" ] || fail files "$name: is not the file whose hash is signed"
done < "$T/manifest"
for name in $EVERY; do
  [ -f "$name" ] || { fail files "$name: is not in the bundle"; : > "$name"; }
done
pass files "$(($(wc -l < "$T/stated") - 1)) files have the hashes that are signed"

# --- keys and certificates ----------------------------------------------------------------------------------------------
: > "$T/certified"
keys=0
while read -r gateway key; do
  keys=$((keys + 1))
  raw=$(printf '%s' "${key#*:}" | openssl base64 -d -A 2> /dev/null | hex)
  case $key in
    ed25519:*) pem $ED25519 "$raw" > "$T/keys/$keys"; echo "$gateway 27 $key $keys" >> "$T/keys/list" ;;
    p256:*) pem $P256 "$raw" > "$T/keys/$keys"; echo "$gateway 26 $key $keys" >> "$T/keys/list" ;;
    *) fail receipts "keys.txt: expected a gateway and its public key"; finish ;;
  esac
done < keys.txt
for file in certificates/*; do
  [ -f "$file" ] || continue
  if [ ! -s "$T/roots.pem" ]; then # nobody is asked whose certificates are believed
    openssl x509 -in "$file" -noout 2> /dev/null || fail certificates "$file: expected a gateway's certificate in PEM"
    continue
  fi
  begins=$(date -u -d "$(openssl x509 -in "$file" -noout -startdate 2> /dev/null | cut -d = -f 2)" +%s) || begins=0
  ends=$(date -u -d "$(openssl x509 -in "$file" -noout -enddate 2> /dev/null | cut -d = -f 2)" +%s) || ends=0
  if openssl verify -CAfile "$T/roots.pem" -no-CApath -no-CAstore -untrusted "$file" -no_check_time "$file" > /dev/null 2>&1; then
    gateway=$(openssl x509 -in "$file" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p')
    key=$(openssl x509 -in "$file" -noout -ext subjectAltName | grep -o 'URI:urn:stillcold:key:[^, ]*' | cut -d : -f 5-)
    echo "$gateway $key ${begins}000 ${ends}000" >> "$T/certified"
  else
    fail certificates "$file: it does not lead to a trusted root"
  fi
done

# Keys that the server says were revoked, and not approved again, with the moment: nothing that came later is believed.
awk -F '"' '$2 == "gateway" { g = $4 } $2 == "public_key" { k = $4 } $2 == "state" { s = $4 }
  $2 == "decided_at" && s == "revoked" { revoked[g " " k] = $4 }
  $2 == "decided_at" && s == "approved" { good[g " " k] = 1 }
  END { for (key in revoked) if (!(key in good)) print key, revoked[key] }' enrolments.json | while read -r gateway key moment; do
  moment=$(date -u -d "$moment" +%s%3N 2> /dev/null) || moment=0
  echo "$gateway $key $moment"
done > "$T/revoked"

# --- batches: signature, receipt, place in the chain --------------------------------------------------------------------
text() { # TEXT: CBOR text string, hexadecimal
  [ ${#1} -lt 24 ] && printf '%02x' $((0x60 + ${#1})) || printf '78%02x' ${#1}
  printf '%s' "$1" | hex
}
bytes_head() { # LENGTH: head of a CBOR byte string
  if [ "$1" -lt 24 ]; then printf '%02x' $((0x40 + $1)); else printf '58%02x' "$1"; fi
}
number() { # N: CBOR unsigned integer
  if [ "$1" -lt 24 ]; then printf '%02x' "$1"; elif [ "$1" -lt 256 ]; then printf '18%02x' "$1"
  elif [ "$1" -lt 65536 ]; then printf '19%04x' "$1"; elif [ "$1" -lt 4294967296 ]; then printf '1a%08x' "$1"
  else printf '1b%016x' "$1"; fi
}
der() { # R OR S: an ASN.1 integer
  _i=$1
  while [ "${_i#00}" != "$_i" ] && [ ${#_i} -gt 2 ]; do _i=${_i#00}; done
  case $_i in [89a-f]*) _i=00$_i ;; esac
  printf '02%02x%s' $((${#_i} / 2)) "$_i"
}
HALF_OF_N=7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8 # of P-256's order, SP 800-186
CONTENT_TYPE=$(text application/vnd.stillcold.batch+cbor+zstd)
# signed FILE ALG KID KEYFILE: whether it is an envelope with that key's signature; its payload is left in payload
signed() {
  protected=a301${2}03${CONTENT_TYPE}04$3
  protected=$(bytes_head $((${#protected} / 2)))$protected
  opening=d284${protected}a0
  start=$((${#opening} / 2)) all=$(wc -c < "$1")
  first=$(short "$1" 0 $((start + 5)))
  head=${first#"$opening"}
  [ "$head" != "$first" ] || return 1
  case $head in
    5a????????) wide=5 length=$((0x${head#5a})) ;;
    59????????) wide=3 head=${head#59} length=$((0x${head%????})) ;;
    58????????) wide=2 head=${head#58} length=$((0x${head%??????})) ;;
    *) return 1 ;;
  esac
  sign=$(short "$1" $((start + wide + length)) 256)
  [ $((start + wide + length + 66)) -eq "$all" ] && [ "${sign#5840}" != "$sign" ] || return 1
  sign=${sign#5840} digest=
  { printf '846a%s%s40' 5369676e617475726531 "$protected" | unhex; piece "$1" $start $((wide + length)); } > "$T/tbs"
  if [ "$2" = 26 ]; then
    low=$(echo "$sign" | cut -c 65-128) # s, of which the smaller one is the good one
    expr "x$low" \> "x$HALF_OF_N" > /dev/null && return 1
    digest="-digest sha256"
    both=$(der "$(echo "$sign" | cut -c 1-64)")$(der "$(echo "$sign" | cut -c 65-128)")
    sign=30$(printf '%02x' $((${#both} / 2)))$both
  fi
  echo "$sign" | unhex > "$T/sig"
  # shellcheck disable=SC2086 # two words, or none
  openssl pkeyutl -verify -pubin -inkey "$T/keys/$4" -rawin $digest -in "$T/tbs" -sigfile "$T/sig" > /dev/null 2>&1 || return 1
  piece "$1" $((start + wide)) $length > "$T/payload"
}
# signer GATEWAY: tries its keys; the one that has signed the envelope is left in KEY
signer() {
  while read -r of alg KEY file; do
    [ "$of" = "$1" ] && signed "$T/envelope" "$alg" "$KID" "$file" && return 0
  done < "$T/keys/list"
  return 1
}
: > "$T/links"
: > "$T/leaves"
: >> "$T/keys/list"
LINE='^(0|[1-9][0-9]{0,18}) (0|[1-9][0-9]{0,9}) [1-9][0-9]{0,6} stillcold-batch/1 [A-Za-z0-9][A-Za-z0-9._-]{0,63} [0-9a-f]{16} [1-9][0-9]{0,18} [0-9a-f]{64} (0|[1-9][0-9]{0,14})$'
said=$(grep -nvE "$LINE" batches.txt | head -n 1 | cut -d : -f 1)
[ -z "$said" ] || { fail receipts "batches.txt:$said: expected <number> <offset> <length> <entry>"; finish; }
said=$(awk -v size="$(wc -c < batches.bin)" -v last=-1 '
  $1 <= last || $2 != next_one + 0 { print NR; exit } { last = $1; next_one = $2 + $3 }
  END { if (next_one + 0 != size) print "end" }' batches.txt | head -n 1)
[ -z "$said" ] && [ -z "$(tail -c 1 batches.txt)" ] || { fail receipts "batches.txt:$said: not the list of batches.bin"; finish; }
EPOCH=65$(printf epoch | hex)48 SEQUENCE=68$(printf sequence | hex) PREVIOUS=68$(printf previous | hex)5820
lines=0 gateway=
while IFS= read -r line; do
  lines=$((lines + 1))
  # shellcheck disable=SC2086 # nine words
  set -- $line
  [ "$gateway" = "$5" ] || KID=$(bytes_head ${#5})$(printf '%s' "$5" | hex) GATEWAY=67$(printf gateway | hex)$(text "$5")
  last=$1 gateway=$5 epoch=$6 sequence=$7 sum=$8 received=$9
  name="batch $sequence of $gateway, epoch $epoch"
  piece batches.bin "$2" "$3" > "$T/envelope"
  echo "$last $({ printf '\000'; printf '%s' "${line#* * * }"; } | sha256)" >> "$T/leaves"
  [ "$(sha256 < "$T/envelope")" = "$sum" ] || fail receipts "$name: the receipt is of another envelope"
  signer "$gateway" || { fail signatures "$name"; continue; }
  [ ! -s "$T/revoked" ] || awk -v g="$gateway" -v k="$KEY" -v t="$received" \
    '$1 == g && $2 == k && $3 < t { found = 1 } END { exit found }' "$T/revoked" || fail certificates "$name: its key had been revoked when it came"
  if grep -qF "$gateway $KEY " "$T/certified"; then
    awk -v g="$gateway" -v k="$KEY" -v t="$received" '$1 == g && $2 == k && $3 <= t && t <= $4 { found = 1 } END { exit !found }' \
      "$T/certified" || fail certificates "$name: no certificate was good when it came"
  else
    echo "$gateway" >> "$T/uncertified"
  fi
  content=$(zstd -dcq "$T/payload" 2> /dev/null | hex)
  for part in "$GATEWAY" "$EPOCH$epoch" "$SEQUENCE$(number "$sequence")"; do
    case $content in *"$part"*) ;; *) fail receipts "$name: the receipt names another batch" ;; esac
  done
  before=${content#*"$PREVIOUS"}
  before=${before%"${before#????????????????????????????????????????????????????????????????}"}
  echo "$gateway $epoch $sequence $sum $before" >> "$T/links"
done < batches.txt
if [ -s "$T/uncertified" ]; then
  if [ -s "$T/roots.pem" ]; then
    fail certificates "no certificate names the key of $(sort -u "$T/uncertified" | tr '\n' ' ')"
  else
    echo "ABSENT certificates: the keys of $(sort -u "$T/uncertified" | tr '\n' ' ')are the server's word alone"
  fi
else
  pass certificates "they lead to a trusted root"
fi
pass signatures "$lines batches"
pass receipts "$lines receipts"

# --- the log (RFC 9162, section 2.1) ------------------------------------------------------------------------------------
# Leaves and proof are read in step: a subtree without a leaf is the proof's next hash. Result in HASH.
fold() { # FIRST SIZE
  if [ "$leaf" -lt 0 ] || [ "$leaf" -ge $(($1 + $2)) ]; then
    read -r HASH <&4 || return 1
  elif [ "$2" -eq 1 ]; then
    HASH=$leafhash
    read -r leaf leafhash <&3 || leaf=-1
  else
    half=1
    while [ $((half * 2)) -lt "$2" ]; do half=$((half * 2)); done
    set -- "$1" "$2" $half
    fold "$1" "$3" || return 1
    set -- "$1" "$2" "$3" "$HASH"
    fold $(($1 + $3)) $(($2 - $3)) || return 1
    HASH=$(node "$4" "$HASH")
  fi
}
node() { printf '01%s%s' "$1" "$2" | unhex | sha256; }
# checkpoint FILE LOGS: leaves ENTRIES and ROOT of a checkpoint that a trusted log has signed; says on failure what is wrong
checkpoint() {
  note "$1" "$2" > "$T/said" || return 1
  [ "$(wc -l < "$T/note.text")" -eq 3 ] && [ "$(sed -n 1p "$T/note.text")" = "$NAME" ] &&
    grep -qE '^(0|[1-9][0-9]{0,18})$' "$T/note.text" || { echo "signed, and no checkpoint of this log" > "$T/said"; return 1; }
  ENTRIES=$(sed -n 2p "$T/note.text") ROOT=$(sed -n 3p "$T/note.text" | openssl base64 -d -A | hex)
}
# The log's growth: a subtree on one side of EDGE is the next hash. Results in BEFORE, of what lies before EDGE, and HASH, of all.
grown() { # FIRST SIZE
  if [ $(($1 + $2)) -le "$EDGE" ]; then
    read -r HASH <&4 || return 1
    BEFORE=$HASH
  else
    half=1
    while [ $((half * 2)) -lt "$2" ]; do half=$((half * 2)); done
    set -- "$1" "$2" $half
    grown "$1" "$3" || return 1
    set -- "$1" "$2" "$3" "$BEFORE" "$HASH"
    if [ $(($1 + $3)) -ge "$EDGE" ]; then
      read -r HASH <&4 || return 1
      BEFORE=$4
    else
      grown $(($1 + $3)) $(($2 - $3)) || return 1
      BEFORE=$(node "$4" "$BEFORE")
    fi
    HASH=$(node "$5" "$HASH")
  fi
}
if checkpoint checkpoint.txt "$T/log"; then
  exec 3< "$T/leaves" 4< proof.txt
  read -r leaf leafhash <&3 || leaf=-1
  HASH=
  fold 0 "$ENTRIES" || fail log "proof.txt: it has too few hashes"
  [ "$leaf" -lt 0 ] && ! read -r _ <&4 && [ "$HASH" = "$ROOT" ] ||
    fail log "proof.txt: it does not lead from these receipts to the checkpoint"
  exec 3<&- 4<&-
  if [ -e "$T/earlier" ]; then
    size=$ENTRIES root=$ROOT origin=$NAME
    if checkpoint "$T/earlier" "$T/logs"; then
      EDGE=$ENTRIES BEFORE='' HASH=''
      exec 4< growth.txt
      [ "$origin" = "$NAME" ] || fail earlier "the earlier checkpoint is of $NAME, another log"
      [ "$origin" != "$NAME" ] || { [ "$EDGE" -gt 0 ] && [ "$EDGE" -le "$size" ] && grown 0 "$size" && ! read -r _ <&4 &&
        [ "$BEFORE $HASH" = "$ROOT $root" ]; } || fail earlier "the log is not shown to go on from this checkpoint"
      exec 4<&-
      pass earlier "the log goes on from its first $EDGE entries"
    else
      echo "$0: the earlier checkpoint: $(cat "$T/said")" >&2; exit 2
    fi
  fi
else
  fail log "checkpoint.txt: $(cat "$T/said")"
  [ ! -e "$T/earlier" ] || fail earlier "checkpoint.txt: $(cat "$T/said")"
fi
pass log "$lines receipts are in the log"

# --- the chains ---------------------------------------------------------------------------------------------------------
sort -k1,2 -k3,3n "$T/links" | awk -v missing="$T/missing" '
  BEGIN { genesis = sprintf("%064d", 0) }
  { chain = $1 " " $2 }
  chain == before && $3 > last + 1 { print chain, last + 1, $3 - 1 > missing }
  { name = "batch " $3 " of " $1 ", epoch " $2 }
  chain == before && $3 == last { print name ": its sequence stands there twice" }
  (chain == before && $3 == last + 1 && $5 != hash) || ($3 == 1 && $5 != genesis) { print name ": does not name the one before it" }
  { before = chain; last = $3; hash = $4 }' > "$T/broken"
while read -r said; do fail chain "$said"; done < "$T/broken"
# What is missing must be in the server's account of the gateways' own gap records; stillcold-verify makes that again.
awk -F '[:,]' '/"records"/ { exit } { gsub(/[" ]/, "") }
  /^gateway:/ { g = $2 } /^epoch:/ { e = $2 } /^first:/ { f = $2 } /^until:/ { u = $2 } /^explained:true/ { print g, e, f, u }' gaps.json > "$T/explained"
[ -e "$T/missing" ] && while read -r line; do
  grep -qxF "$line" "$T/explained" || fail chain "batches are missing, and the gateway has not said so: $line"
done < "$T/missing"
pass chain "each batch names the one before it"
echo "       profiles, decoding, gaps, clock, alerts, registry, rules and calibration: held against their hashes, not judged"
finish
