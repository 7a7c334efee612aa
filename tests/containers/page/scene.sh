# A pool as a developer may have it, for the pictures of the README.
set -e
dvol tag -C shop_db v1 HEAD >/dev/null
dvol checkout -C shop_db -f migration >/dev/null
dvol commit -C shop_db -m 'Backfill missing addresses' >/dev/null
dvol checkout -C shop_db -f -b bug-42 HEAD~1 >/dev/null
dvol commit -C shop_db -m 'State that shows the rounding error' >/dev/null
dvol checkout -C shop_db -f migration >/dev/null
dvol init billing >/dev/null
tree=$DVOL_POOL/billing/running_point
mkdir "$tree/conf.d"
printf 'max_connections = 100\nshared_buffers = 128MB\nwork_mem = 4MB\n' >"$tree/conf.d/server.conf"
head -c 300000 /dev/zero >"$tree/ledger.ibd"
dvol commit -C billing -m 'Import the ledger of October' >/dev/null
printf 'max_connections = 200\nshared_buffers = 512MB\nwork_mem = 4MB\njit = off\n' >"$tree/conf.d/server.conf"
printf 'invoice,amount\n1001,12.50\n1002,99.00\n' >"$tree/november.csv"
head -c 420000 /dev/zero >"$tree/ledger.ibd"
dvol commit -C billing -m 'Import the ledger of November

With the settings of the new server.' >/dev/null
dvol tag -C billing month-end HEAD >/dev/null
dvol clone billing billing-test >/dev/null
dvol init sessions >/dev/null
docker run -d --name sessions --network none -v sessions:/data --volume-driver=dvol busybox sleep 3600 >/dev/null
docker create --name billing-report -v billing:/data --volume-driver=dvol busybox true >/dev/null
printf 'x' >"$DVOL_POOL/sessions/running_point/cache"
dvol init old-import >/dev/null
dvol rm -f old-import >/dev/null
dvol switch shop_db >/dev/null
