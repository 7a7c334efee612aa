//! Runs a command inside a container.

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt as _;

use crate::containers::Executed;

/// How much of a command's output to keep, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// Runs a program with its arguments as the container's own user and waits for its end.
pub(super) async fn run(client: Docker, container: String, command: Vec<String>) -> Result<Executed, Error> {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command),
        ..CreateExecOptions::default()
    };
    let id = client.create_exec(&container, options).await?.id;
    let mut kept = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = client.start_exec(&id, None).await? {
        while let Some(chunk) = output.next().await {
            let chunk = chunk?.into_bytes();
            kept.extend(chunk.iter().take(MAX_OUTPUT_BYTES.saturating_sub(kept.len())));
        }
    }
    let ended = client.inspect_exec(&id).await?;
    let output = String::from_utf8_lossy(&kept).trim_end().to_owned();
    // Without an exit code, the engine did not see the command end.
    Ok(Executed { code: ended.exit_code.unwrap_or(-1), output })
}
