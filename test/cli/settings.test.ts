import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  buildServeOptions,
  resolveSettings,
  SERVE_SETTINGS,
  type ServeSettings,
  SettingsError,
} from '../../src/cli/settings.ts';

/** As `luge serve` reads them: arguments through commander. */
function settings(args: string[], env: Record<string, string> = {}): ServeSettings {
  const command = buildServeOptions(new Command('serve')).exitOverride();
  command.parse(args, { from: 'user' });
  return resolveSettings(command.opts(), env);
}

function problems(args: string[], env: Record<string, string> = {}): string {
  try {
    settings(args, env);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return 'accepted';
}

/** A good value for each setting, and what becomes of it. */
const SAMPLES: Record<string, [string, unknown]> = {
  port: ['3000', 3000],
  host: ['::1', '::1'],
  listen: ['[::1]:0, unix:a.sock,systemd', ['[::1]:0', 'unix:a.sock', 'systemd']],
  ipv6Only: ['on', true],
  socketMode: ['0660', 0o660],
  tlsCert: ['a.pem', 'a.pem'],
  tlsKey: ['a-key.pem', 'a-key.pem'],
  workers: ['4', 4],
  listeners: ['2', 2],
  scheduler: ['fifo', 'fifo'],
  native: ['off', 'off'],
  timer: ['js', 'js'],
  http2: ['h2c', 'h2c'],
  pin: ['3, 1', [3, 1]],
  quantumNs: ['250', 250_000],
  maxQueue: ['16', 16],
  spinNs: ['0', 0],
  maxSandboxesPerWorker: ['100', 100],
  maxHeapMbPerWorker: ['256', 256],
  kvMaxBytes: ['0', 0],
  kvMaxTenantBytes: ['65536', 65_536],
  kvMaxKeyBytes: ['32', 32],
  kvMaxValueBytes: ['8', 8],
  kvFile: ['state of größe.db', 'state of größe.db'],
  deadlineNs: ['0.5', 500_000],
  cpuLimitNs: ['20', 20_000_000],
  maxPages: ['64', 64],
  maxConcurrency: ['4', 4],
  prewarm: ['2', 2],
  drainTimeoutMs: ['0', 0],
  admission: ['true', true],
  logRequests: ['true', true],
  check: ['true', true],
  quiet: ['true', true],
};

function resolved(result: ServeSettings, name: string): unknown {
  return name === 'check' || name === 'quiet'
    ? result[name]
    : (result.overrides as Record<string, unknown>)[name];
}

describe.each(SERVE_SETTINGS.map((setting) => [setting.flag, setting] as const))(
  '%s',
  (flag, setting) => {
    const [text, value] = SAMPLES[setting.name]!;
    const variable = `LUGE_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;

    it('is_read_from_the_flag', () => {
      expect(
        resolved(settings(setting.metavar === undefined ? [flag] : [flag, text]), setting.name),
      ).toEqual(value);
    });

    it('is_read_from_its_variable', () => {
      expect(setting.env[0]).toBe(variable);
      expect(resolved(settings([], { [variable]: text }), setting.name)).toEqual(value);
    });

    it('is_absent_when_nobody_sets_it', () => {
      const empty = settings([], { [variable]: '' });
      expect(empty).toEqual({ overrides: {}, check: false, quiet: false, warnings: [] });
    });

    it('names_source_and_range_of_a_bad_value', () => {
      // A file may have any name.
      const isFile = setting.accepts === 'the path of a file';
      const bad = isFile ? 'state\0.db' : 'no such \u00fc';
      const message = `must be ${setting.accepts}, found ${JSON.stringify(bad)}`;
      expect(problems([], { [variable]: bad })).toBe(`${variable}: ${message}`);
      if (setting.metavar !== undefined) {
        expect(problems([flag, bad])).toBe(`${flag}: ${message}`);
      }
    });

    it('is_in_the_help_with_its_variables', () => {
      const help = buildServeOptions(new Command('serve')).helpInformation().replace(/\s+/g, ' ');
      expect(help).toContain(flag);
      expect(help).toContain(`[${setting.env.join(', ')}]`);
    });
  },
);

it('a_flag_wins_over_a_variable_which_is_then_not_even_parsed', () => {
  expect(settings(['--port', '1'], { LUGE_PORT: 'x', PORT: '3' }).overrides).toEqual({
    port: 1,
    portSource: '--port',
  });
});

it('LUGE_PORT_wins_over_PORT_and_the_source_is_told', () => {
  expect(settings([], { LUGE_PORT: '2', PORT: '3' }).overrides).toEqual({
    port: 2,
    portSource: 'LUGE_PORT',
  });
  expect(settings([], { PORT: '3' }).overrides).toEqual({ port: 3, portSource: 'PORT' });
});

it('all_bad_values_are_reported_at_once', () => {
  expect(
    problems(['--port', '70000', '--workers', '0'], { LUGE_SPIN_US: '1e3' }),
  ).toMatchInlineSnapshot(`
    "--port: must be a whole number from 0 to 65535, found "70000"
    --workers: must be "auto" or a whole number from 1 to 64, found "0"
    LUGE_SPIN_US: must be a whole number from 0 to 100000, found "1e3""
  `);
});

it.each([
  ['--port', '-1'],
  ['--port', '0x50'],
  ['--port', '80.5'],
  ['--port', ' 80'],
  ['--port', ''],
  ['--workers', 'Auto'],
  ['--workers', '65'],
  ['--quantum-us', '1000000'],
  ['--deadline-ms', '0'],
  ['--deadline-ms', '3600001'],
  ['--max-pages', '65537'],
  ['--host', 'a b'],
  ['--max-heap-mb-per-worker', '63'],
  ['--kv-max-key-bytes', '225'],
  ['--kv-file', ''],
  ['--scheduler', 'RR'],
  ['--timer', 'off'],
  ['--http2', 'h2'],
  ['--listeners', '0'],
  ['--listeners', '17'],
  ['--pin', 'yes'],
  ['--pin', '1,'],
  ['--pin', '-1'],
  ['--pin', '65536'],
])('%s_%j_is_refused', (flag, text) => {
  expect(problems([`${flag}=${text}`])).toMatch(new RegExp(`^${flag}: must be `));
});

it.each([
  ['--port', '0', { port: 0, portSource: '--port' }],
  ['--workers', 'auto', { workers: 'auto' }],
  ['--listeners', 'auto', { listeners: 'auto' }],
  ['--quantum-us', '0', { quantumNs: 0 }],
  ['--deadline-ms', '0.001', { deadlineNs: 1000 }],
  ['--deadline-ms', '3600000', { deadlineNs: 3.6e12 }],
  ['--host', 'fe80::1%eth0', { host: 'fe80::1%eth0' }],
  ['--timer', 'native', { timer: 'native' }],
  ['--http2', 'h2c', { http2: 'h2c' }],
  ['--http2', 'off', { http2: false }],
  ['--pin', 'on', { pin: true }],
  ['--pin', 'off', { pin: false }],
  ['--pin', '1', { pin: [1] }],
])('%s_%s_is_accepted', (flag, text, expected) => {
  expect(settings([flag, text]).overrides).toEqual(expected);
});

it('a_switch_in_a_variable_can_say_no', () => {
  expect(settings([], { LUGE_QUIET: '0', LUGE_CHECK: 'OFF' })).toMatchObject({
    quiet: false,
    check: false,
  });
});

it('quiet_silences_the_request_log', () => {
  expect(settings(['--quiet', '--log-requests']).overrides).toEqual({ logRequests: false });
});

describe('SLEdge variables', () => {
  it('are_taken_over_with_a_note', () => {
    const result = settings([], {
      SLEDGE_NWORKERS: '3',
      SLEDGE_SCHEDULER: 'FIFO',
      SLEDGE_QUANTUM_US: '5000',
      SLEDGE_DISABLE_PREEMPTION: 'false',
      SLEDGE_SANDBOX_PERF_LOG: 'x.csv',
    });
    expect(result.overrides).toEqual({ workers: 3, scheduler: 'fifo', quantumNs: 5_000_000 });
    expect(result.warnings).toEqual([
      'SLEDGE_NWORKERS=3 is taken as --workers 3',
      'SLEDGE_SCHEDULER=FIFO is taken as --scheduler fifo',
      'SLEDGE_QUANTUM_US=5000 is taken as --quantum-us 5000',
      'SLEDGE_SANDBOX_PERF_LOG has no effect in this version',
    ]);
  });

  it('disabled_preemption_makes_the_quantum_void', () => {
    const result = settings([], { SLEDGE_DISABLE_PREEMPTION: 'yes', SLEDGE_QUANTUM_US: '5000' });
    expect(result.overrides).toEqual({ quantumNs: 0 });
    expect(result.warnings).toEqual([
      'SLEDGE_DISABLE_PREEMPTION=yes is taken as --quantum-us 0',
      'SLEDGE_QUANTUM_US is overruled by another setting of --quantum-us',
    ]);
  });

  it.each(['FIFO', 'EDF', 'SJF', 'MTDS'])('the_scheduler_%s_is_ours_of_that_name', (name) => {
    const { overrides } = settings([], { SLEDGE_SCHEDULER: name });
    expect(overrides).toEqual({ scheduler: name.toLowerCase() });
  });

  it('the_scheduler_that_SLEdge_keeps_to_itself_is_refused_by_name', () => {
    expect(problems([], { SLEDGE_SCHEDULER: 'MTDBF' })).toBe(
      'SLEDGE_SCHEDULER: must be FIFO, EDF, SJF or MTDS (MTDBF is not public in SLEdge, either), found "MTDBF"',
    );
  });

  it('yield_to_flags_and_LUGE_variables', () => {
    const result = settings(['--scheduler', 'rr'], {
      SLEDGE_SCHEDULER: 'EDF',
      LUGE_WORKERS: '2',
      SLEDGE_NWORKERS: '9',
    });
    expect(result.overrides).toEqual({ scheduler: 'rr', workers: 2 });
    expect(result.warnings).toEqual([
      'SLEDGE_NWORKERS is overruled by another setting of --workers',
      'SLEDGE_SCHEDULER is overruled by another setting of --scheduler',
    ]);
  });

  it('name_the_range_of_a_bad_value', () => {
    expect(
      problems([], { SLEDGE_NWORKERS: '0', SLEDGE_QUANTUM_US: '0', SLEDGE_SCHEDULER: 'fifo' }),
    ).toBe(
      [
        'SLEDGE_NWORKERS: must be a whole number from 1 to 64, found "0"',
        'SLEDGE_SCHEDULER: must be FIFO, EDF, SJF or MTDS, found "fifo"',
        'SLEDGE_QUANTUM_US: must be a whole number from 1 to 999999, found "0"',
      ].join('\n'),
    );
  });
});

it('a_misspelt_variable_is_named_and_a_foreign_one_is_not', () => {
  const env = { LUGE_WORKER: '2', LUGE_ZZZ: '1', SLEDGE_NWORKER: '1', PORTS: '1' };
  expect(settings([], env).warnings).toEqual([
    'LUGE_WORKER is unknown; did you mean LUGE_WORKERS?',
    'SLEDGE_NWORKER is unknown; did you mean SLEDGE_NWORKERS?',
  ]);
});

it('the_clock_of_sledge_is_the_unit_of_its_models', () => {
  const result = settings([], { SLEDGE_PROC_MHZ: '2400' });
  expect(result.overrides).toEqual({ procMhz: 2400 });
  expect(result.warnings).toEqual([
    'SLEDGE_PROC_MHZ=2400 is taken as the clock of its models, 2400 MHz',
  ]);
  expect(problems([], { SLEDGE_PROC_MHZ: 'fast' })).toBe(
    'SLEDGE_PROC_MHZ: must be a whole number from 1 to 100000, found "fast"',
  );
});
