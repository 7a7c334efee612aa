//! Running a command inside a container.

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt as _;

use crate::containers::Executed;

/// What of a command's output is kept, in bytes.
const KEPT: usize = 64 << 10;

/// Runs `command` by `sh -c` and waits for its end.
pub(super) async fn run(client: Docker, container: String, command: String) -> Result<Executed, Error> {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(vec!["sh".to_owned(), "-c".to_owned(), command]),
        ..CreateExecOptions::default()
    };
    let id = client.create_exec(&container, options).await?.id;
    let mut kept = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = client.start_exec(&id, None).await? {
        while let Some(chunk) = output.next().await {
            let chunk = chunk?.into_bytes();
            kept.extend(chunk.iter().take(KEPT.saturating_sub(kept.len())));
        }
    }
    let ended = client.inspect_exec(&id).await?;
    let output = String::from_utf8_lossy(&kept).trim_end().to_owned();
    // An engine that does not tell the code has not seen the command end.
    Ok(Executed { code: ended.exit_code.unwrap_or(-1), output })
}
