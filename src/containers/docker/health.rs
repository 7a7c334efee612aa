//! Reads what an engine says of a container's state and its health check: all of it by an inspect
//! call, and what changes by the list, from version 1.52 of the API on.

use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, ContainerSummaryHealthStatusEnum as Listed,
    ContainerSummaryStateEnum, HealthConfig, HealthStatusEnum,
};

use crate::containers::{Details, Health, Probe, ReadyCheck};

/// How long one run of a health check may take where the container does not say so.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How many failures in a row make a container unhealthy where the container does not say so.
const DEFAULT_RETRIES: i64 = 3;
/// The shell of a check where the container does not name one.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// Exit codes of a shell, and of an engine, for a program that cannot be run or does not exist.
const NOT_RUN: [i64; 2] = [126, 127];

/// Reads the facts that dvol needs.
pub(super) fn details(inspected: ContainerInspectResponse) -> Details {
    let state = inspected.state.unwrap_or_default();
    let config = inspected.config.unwrap_or_default();
    let is = |flag: Option<bool>| flag == Some(true);
    let settings = config.healthcheck.unwrap_or_default();
    let retries = settings.retries.filter(|retries| *retries > 0).unwrap_or(DEFAULT_RETRIES);
    Details {
        auto_remove: inspected.host_config.is_some_and(|config| is(config.auto_remove)),
        running: is(state.running) && !is(state.paused) && !is(state.restarting),
        restarting: is(state.restarting),
        health: state.health.and_then(|health| {
            let told = match health.status? {
                HealthStatusEnum::STARTING => Health::Starting,
                HealthStatusEnum::HEALTHY => Health::Healthy,
                HealthStatusEnum::UNHEALTHY => Health::Unhealthy,
                HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => return None,
            };
            Some(status(told, health.failing_streak, retries))
        }),
        check: check(settings, config.shell.as_deref()),
        retries,
    }
}

/// Brings details up to date by the list; `None` if that does not tell the health of containers, or
/// does not call this one running.
pub(super) fn listed(summary: &ContainerSummary, known: &Details) -> Option<Details> {
    let health = summary.health.as_ref()?;
    let told = match health.status? {
        Listed::STARTING => Some(Health::Starting),
        Listed::HEALTHY => Some(Health::Healthy),
        Listed::UNHEALTHY => Some(Health::Unhealthy),
        Listed::NONE => None,
        Listed::EMPTY => return None,
    };
    if summary.state != Some(ContainerSummaryStateEnum::RUNNING) {
        return None;
    }
    let health = told.map(|told| status(told, health.failing_streak, known.retries));
    Some(Details { running: true, restarting: false, health, ..known.clone() })
}

/// Returns the result of the check. Freezing a container stops its checks, and engines call it
/// unhealthy until the next one, though none has failed often enough for that.
fn status(told: Health, failing_streak: Option<i64>, retries: i64) -> Health {
    match told {
        Health::Unhealthy if failing_streak.is_some_and(|streak| streak < retries) => Health::Starting,
        told => told,
    }
}

/// Reads the command of a check: `CMD` and words, or `CMD-SHELL` and a line.
fn check(settings: HealthConfig, shell: Option<&[String]>) -> Option<ReadyCheck> {
    let test = settings.test?;
    let command = match test.split_first()? {
        (kind, words) if kind == "CMD" && !words.is_empty() => words.to_vec(),
        (kind, [line]) if kind == "CMD-SHELL" => {
            let own = shell.filter(|words| !words.is_empty()).map(<[String]>::to_vec);
            let mut command = own.unwrap_or_else(|| DEFAULT_SHELL.map(str::to_owned).into());
            command.push(line.clone());
            command
        }
        _ => return None,
    };
    let nanoseconds = settings.timeout.and_then(|nanoseconds| u64::try_from(nanoseconds).ok());
    let timeout = nanoseconds.filter(|n| *n > 0).map_or(DEFAULT_TIMEOUT, Duration::from_nanos);
    Some(ReadyCheck { command, timeout })
}

/// Reads the exit code of a check.
pub(super) fn probe(code: i64) -> Probe {
    match code {
        0 => Probe::Passed,
        code if NOT_RUN.contains(&code) => Probe::Impossible,
        _ => Probe::Failed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn test(words: &[&str]) -> Option<Vec<String>> {
        let settings = HealthConfig {
            test: Some(words.iter().map(ToString::to_string).collect()),
            ..HealthConfig::default()
        };
        check(settings, None).map(|check| check.command)
    }

    #[test]
    fn a_check_runs_as_the_engine_would_run_it() {
        assert_eq!(test(&["CMD", "pg_isready", "-q"]).unwrap(), ["pg_isready", "-q"]);
        assert_eq!(test(&["CMD-SHELL", "redis-cli ping"]).unwrap(), ["/bin/sh", "-c", "redis-cli ping"]);
        for none in [&["NONE"][..], &[], &["CMD"], &["CMD-SHELL"], &["cmd", "x"]] {
            assert_eq!(test(none), None, "{none:?}");
        }
        let line = |shell: &[&str], timeout| {
            let test = Some(vec!["CMD-SHELL".to_owned(), "x".to_owned()]);
            let shell: Vec<String> = shell.iter().map(ToString::to_string).collect();
            check(HealthConfig { test, timeout, ..HealthConfig::default() }, Some(&shell)).unwrap()
        };
        assert_eq!(line(&["/bin/ash", "-euc"], None).command, ["/bin/ash", "-euc", "x"]);
        assert_eq!(line(&[], None).command, ["/bin/sh", "-c", "x"]);
        assert_eq!(line(&[], Some(2_000_000_000)).timeout, Duration::from_secs(2));
        assert_eq!(line(&[], Some(0)).timeout, DEFAULT_TIMEOUT);
    }

    #[test]
    fn a_container_that_was_frozen_is_not_unhealthy_before_its_checks_have_failed() {
        let unhealthy = |streak: Option<i64>, retries: i64| {
            let health = json!({"Status": "unhealthy", "FailingStreak": streak});
            let inspected = json!({"State": {"Running": true, "Health": health},
                "Config": {"Healthcheck": {"Test": ["CMD", "x"], "Retries": retries}}});
            let known = details(serde_json::from_value(inspected).unwrap());
            let summary = json!({"State": "running", "Health": health});
            let now = listed(&serde_json::from_value(summary).unwrap(), &known).unwrap();
            assert_eq!(now, known, "the list and the inspect call say the same");
            known.health.unwrap()
        };
        assert_eq!(unhealthy(Some(0), 3), Health::Starting);
        assert_eq!(unhealthy(Some(2), 0), Health::Starting);
        assert_eq!(unhealthy(Some(3), 0), Health::Unhealthy);
        assert_eq!(unhealthy(Some(1), 1), Health::Unhealthy);
        assert_eq!(unhealthy(None, 3), Health::Unhealthy);
    }

    #[test]
    fn a_list_counts_only_if_it_tells_the_health_of_a_container_that_runs() {
        let known = details(ContainerInspectResponse::default());
        let now = |summary| listed(&serde_json::from_value(summary).unwrap(), &known);
        assert_eq!(now(json!({"State": "running"})), None);
        assert_eq!(now(json!({"State": "exited", "Health": {"Status": "none", "FailingStreak": 0}})), None);
        let without_check = now(json!({"State": "running", "Health": {"Status": "none"}})).unwrap();
        assert_eq!((without_check.running, without_check.health), (true, None));
    }
}
