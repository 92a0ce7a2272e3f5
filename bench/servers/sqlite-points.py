# The peer: a table of points in SQLite, a transaction a second, and the query of a chart.
# Reads lines of "series at value", in the order of time. Arguments: FILE OF POINTS, FILE OF DATABASE.
import json, os, sqlite3, sys, time

points_file, database_file = sys.argv[1:]
database = sqlite3.connect(database_file)
database.execute('PRAGMA journal_mode = WAL')
database.execute('PRAGMA synchronous = NORMAL')
database.execute(
    'CREATE TABLE point (series INTEGER, at INTEGER, value REAL, PRIMARY KEY (series, at)) WITHOUT ROWID'
)
rows = []
with open(points_file) as lines:
    for line in lines:
        series, at, value = line.split()
        rows.append((int(series), int(at), float(value)))
seconds = 5000
started = time.process_time()
for first in range(0, len(rows), seconds):
    with database:
        database.executemany('INSERT OR REPLACE INTO point VALUES (?, ?, ?)', rows[first : first + seconds])
insert_us = (time.process_time() - started) / len(rows) * 1e6
end = rows[-1][1] + 1
times = {}
for name, span, bucket in json.loads(sys.stdin.readline()):
    took = []
    for _ in range(5):
        started = time.perf_counter()
        for series in range(10):
            database.execute(
                'SELECT at / ? AS bucket, count(*), min(value), avg(value), max(value) FROM point'
                ' WHERE series = ? AND at >= ? AND at < ? GROUP BY bucket ORDER BY bucket',
                (bucket, series, end - span, end),
            ).fetchall()
        took.append((time.perf_counter() - started) * 1000)
    times[name] = sorted(took)[2]
database.execute('PRAGMA wal_checkpoint(TRUNCATE)')
database.execute('VACUUM')
database.close()
size = os.path.getsize(database_file)
print(json.dumps({'insertMicroseconds': insert_us, 'bytesPerPoint': size / len(rows), 'times': times}))
