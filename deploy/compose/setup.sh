#!/bin/sh
# Runs once, before the others of docker-compose.yml: makes the secrets and certificates of this installation, each on the volume of
# those who may read it. What is there stays as it is.
set -eu
umask 077

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
letters() { random 48 | tr -d '+/=' | cut -c 1-40; }
once() { # once FILE TEXT
  [ -s "$1" ] && return
  printf '%s' "$2" >"$1.new"
  mv "$1.new" "$1"
}
skein() { node /app/apps/cli/bin/skein.mjs "$@"; }

once /secrets/postgres/password "$(letters)"
once /secrets/coordinator/store-url "postgres://skein:$(cat /secrets/postgres/password)@postgres:5432/skein"
once /secrets/coordinator/peer-secret "$(letters)"
once /secrets/coordinator/secrets-key "$(random 32)"
once /secrets/admin/token "skt_$(letters)"
once /secrets/worker/join-token "skt_$(letters)"
once /secrets/scheduler/token "skt_$(letters)"

# The authority stays on a volume that no running part mounts.
cd /secrets/authority
if [ ! -s ca.pem ] || [ ! -s ca.key ]; then
  rm -f ca.pem ca.key
  skein certs init --dir .
fi

# A certificate that is missing, of another authority or in its last 30 days is issued anew; coordinators take it up as they run.
leaf=/secrets/coordinator/tls/coordinator-skein
fits() {
  node -e '
    const { createPrivateKey, X509Certificate } = require("node:crypto");
    const [pem, key, ca] = process.argv.slice(1).map((path) => require("node:fs").readFileSync(path));
    const leaf = new X509Certificate(pem);
    const isOurs = leaf.checkPrivateKey(createPrivateKey(key)) && leaf.verify(new X509Certificate(ca).publicKey);
    process.exit(isOurs && Date.parse(leaf.validTo) - Date.now() > 30 * 86_400_000 ? 0 : 1);
  ' "$leaf.pem" "$leaf.key" ca.pem 2>/dev/null
}
if ! fits; then
  rm -rf new
  skein certs issue coordinator skein --dir . --out new --host coordinator-1 --host coordinator-2
  mkdir -p /secrets/coordinator/tls
  cp new/coordinator-skein.key "$leaf.key"
  cp new/coordinator-skein.pem "$leaf.pem"
  rm -rf new
fi
cp ca.pem /secrets/coordinator/tls/ca.pem
for reader in /secrets/worker /secrets/scheduler /secrets/admin; do
  cp ca.pem "$reader/ca.pem"
done
echo 'secrets and certificates are ready'
