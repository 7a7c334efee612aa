// Gives each test the database as the migrations made it.
import { execFileSync } from 'node:child_process';

const DATABASE = 'orders_db'; // the container and its volume

const run = (program, words, input) =>
    execFileSync(program, words, { cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname,
        encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'inherit'] }).trim();

export const query = sql =>
    run('docker', ['exec', '-i', DATABASE, 'psql', '-qAt', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1'], sql);

// Runs the migrations if their files are new; returns the tag of what they made.
export const migrate = () =>
    JSON.parse(run('dvol', ['--format', 'json', 'ensure', 'migrated', DATABASE, '--from', 'empty',
        '--files', '../migrations', '--', '../migrate', DATABASE])).tag;

export const reset = tag => run('dvol', ['-q', 'reset', '--hard', tag, DATABASE]);
