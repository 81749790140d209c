/** Makes `grafana-dashboard.json`, with the builders of Grafana's own schema. Run, it prints it. */
import { pathToFileURL } from 'node:url'
import * as dashboards from '@grafana/grafana-foundation-sdk/dashboard'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'

const SOURCE = { type: 'prometheus', uid: '$datasource' }
const LOG = 'walv_directory=~"$directory"'

/** A query, and how its lines are called. */
type Query = readonly [expression: string, legend: string]

const target = ([expression, legend]: Query): prometheus.DataqueryBuilder =>
  new prometheus.DataqueryBuilder().datasource(SOURCE).expr(expression).legendFormat(legend)

function graph(
  title: string,
  unit: string,
  description: string,
  ...queries: readonly Query[]
): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .unit(unit)
    .description(description)
    .datasource(SOURCE)
  for (const query of queries) panel.withTarget(target(query))
  return panel.min(0).span(8).height(7)
}

/** Green at zero, red above. */
function alarm(title: string, description: string, expression: string): stat.PanelBuilder {
  const steps = [
    { value: null, color: 'green' },
    { value: 1, color: 'red' },
  ]
  const thresholds = new dashboards.ThresholdsConfigBuilder()
    .mode(dashboards.ThresholdsMode.Absolute)
    .steps(steps)
  const panel = new stat.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(SOURCE)
    .thresholds(thresholds)
  return panel
    .withTarget(target([expression, '{{walv_directory}}']))
    .span(6)
    .height(4)
}

const perSecond = (metric: string, by = 'walv_directory'): string =>
  `sum by (${by}) (rate(${metric}{${LOG}}[$__rate_interval]))`

const quantile = (share: number, histogram: string): Query => [
  `histogram_quantile(${share}, ${perSecond(`${histogram}_bucket`, 'le, walv_directory')})`,
  `p${100 * share} {{walv_directory}}`,
]

const mean = (histogram: string, by = 'walv_directory'): string =>
  `${perSecond(`${histogram}_sum`, by)} / ${perSecond(`${histogram}_count`, by)}`

const panels = [
  alarm('Stopped logs', 'A write or sync failed. Close the log and open it again.', `walv_poisoned{${LOG}}`),
  alarm(
    'Damage: records lost',
    'Places where acknowledged records are lost, or may be. Run walv doctor.',
    `sum by (walv_directory) (walv_damage_total{${LOG}, walv_damage_acknowledged!="false"})`,
  ),
  alarm(
    'Failed checkpoints, last hour',
    'The log grows, and opening takes longer, while they fail.',
    `sum by (walv_directory) (increase(walv_checkpoint_duration_count{${LOG}, error_type!=""}[1h])) or 0 * walv_poisoned{${LOG}}`,
  ),
  alarm(
    'Slow syncs, last hour',
    'Syncs that took slowSyncMs or longer. Look at the disk.',
    `increase(walv_syncs_slow_total{${LOG}}[1h])`,
  ),
  graph('Appends', 'ops', 'Records acknowledged a second.', [
    perSecond('walv_appends_total'),
    '{{walv_directory}}',
  ]),
  graph(
    'Sync latency',
    's',
    'Every durable append waits for a sync.',
    quantile(0.5, 'walv_sync_duration'),
    quantile(0.99, 'walv_sync_duration'),
  ),
  graph('Group size', 'short', 'Records that share one sync. 1: the callers wait for each other.', [
    mean('walv_group_size'),
    '{{walv_directory}}',
  ]),
  graph('Bytes appended', 'Bps', 'As they stand in the log.', [
    perSecond('walv_append_bytes_total'),
    '{{walv_directory}}',
  ]),
  graph('Waiting to be written', 'bytes', 'At maxPendingBytes appends are refused.', [
    `walv_log_pending{${LOG}}`,
    '{{walv_directory}}',
  ]),
  graph('Vectors', 'short', 'In the index.', [`walv_index_vectors{${LOG}}`, '{{walv_directory}}']),
  graph('Size of the log', 'bytes', 'It grows while no checkpoint is taken.', [
    `walv_log_size{${LOG}}`,
    '{{walv_directory}}',
  ]),
  graph(
    'Segments',
    'short',
    'Files there are, begun and retired a second.',
    [`walv_log_segments{${LOG}}`, 'there are {{walv_directory}}'],
    [perSecond('walv_rotations_total'), 'begun {{walv_directory}}'],
    [perSecond('walv_segments_retired_total'), 'retired {{walv_directory}}'],
  ),
  graph('Kept for cursors', 'bytes', 'What readers have not read, and nothing else needs.', [
    `walv_cursors_held{${LOG}}`,
    '{{walv_directory}}',
  ]),
  graph('Age of the last checkpoint', 's', 'What came since is replayed on the next opening.', [
    `walv_checkpoint_age{${LOG}}`,
    '{{walv_directory}}',
  ]),
  graph('Duration of checkpoints', 's', 'Appends go on meanwhile.', [
    mean('walv_checkpoint_duration'),
    '{{walv_directory}}',
  ]),
  graph('Duration of recoveries', 's', 'How long opening took; no requests are served meanwhile.', [
    `sum by (walv_directory, walv_recovery_part) (walv_recovery_duration_sum{${LOG}}) / sum by (walv_directory, walv_recovery_part) (walv_recovery_duration_count{${LOG}})`,
    '{{walv_recovery_part}} {{walv_directory}}',
  ]),
  graph('Poisonings', 'short', 'How often a failed write or sync has stopped a log.', [
    `walv_poisonings_total{${LOG}}`,
    '{{walv_directory}}',
  ]),
]

export function dashboard(): dashboards.Dashboard {
  const builder = new dashboards.DashboardBuilder('walv')
    .uid('walv')
    .tags(['walv'])
    .description('Logs and indexes of walv, from what walv/otel exports through Prometheus.')
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .withVariable(
      new dashboards.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(
      new dashboards.QueryVariableBuilder('directory')
        .label('Log')
        .datasource(SOURCE)
        .query('label_values(walv_log_size, walv_directory)')
        .refresh(dashboards.VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .current({ text: 'All', value: '$__all' }),
    )
  for (const panel of panels) builder.withPanel(panel)
  return builder.build()
}

export const dashboardText = (): string => `${JSON.stringify(dashboard(), null, 2)}\n`

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(dashboardText())
