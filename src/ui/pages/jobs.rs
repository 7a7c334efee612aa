//! The commands that the page ran, and what they said.

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::{nothing, prose};
use crate::ui::app::App;
use crate::ui::fields::Fields;
use crate::ui::jobs::{Job, State};

pub(in crate::ui) fn list(app: &App) -> Result<Markup, Trouble> {
    let jobs = app.jobs.list();
    let body = html! {
        div.head { h1 { "Commands" } }
        @if jobs.is_empty() { (nothing("The page has run no command yet.")) }
        div.jobs { @for job in &jobs { (card(app, job)) } }
    };
    Ok(frame::page(app, &Head { title: "Commands", tab: Tab::Commands, crumbs: &[] }, &body))
}

pub(in crate::ui) fn page(app: &App, parts: &[String], _: &Fields) -> Result<Markup, Trouble> {
    let number = parts.first().and_then(|number| number.parse().ok());
    let job = number.and_then(|number| app.jobs.get(number));
    let job = job.ok_or_else(|| Trouble::missing("the page ran no such command"))?;
    let body = html! {
        @if job.state == State::Running { noscript { meta http-equiv="refresh" content="1"; } }
        (card(app, &job))
        p.after { a.button href=(job.back) { "Back" } }
    };
    let crumbs = [("Commands", "/jobs")];
    Ok(frame::page(app, &Head { title: &job.command, tab: Tab::Commands, crumbs: &crumbs }, &body))
}

fn card(app: &App, job: &Job) -> Markup {
    let (class, word) = match &job.state {
        State::Running => ("running", "running"),
        State::Asking(_) => ("asking", "asks"),
        State::Done(0) => ("done", "done"),
        State::Done(4) => ("poor", "done, but not all is well"),
        State::Done(130) => ("failed", "interrupted"),
        State::Done(_) => ("failed", "failed"),
    };
    let token = || html! { input type="hidden" name="token" value=(app.access.form_token()); };
    html! {
        article.job.(class) data-job=(job.number) data-state=(class) data-back=(job.back) {
            header {
                span.state aria-hidden="true" {}
                code { (job.command) }
                span.word { (word) }
            }
            @if !job.lines.is_empty() {
                div.said {
                    @for line in &job.lines {
                        p.(if line.label.is_empty() { "result" } else { line.label }) {
                            @if !line.label.is_empty() { b { (line.label) ": " } }
                            (prose(&line.text))
                        }
                    }
                }
            }
            @match &job.state {
                State::Asking(question) => {
                    form.question method="post" action=(format!("/jobs/{}/answer", job.number)) data-quiet {
                        (token())
                        p { (question) }
                        button name="answer" value="no" { "No" }
                        button.main.takes name="answer" value="yes" { "Yes" }
                    }
                }
                State::Running => {
                    form method="post" action=(format!("/jobs/{}/interrupt", job.number)) data-quiet {
                        (token())
                        button.small title="As Ctrl-C: what it has begun is undone" { "Interrupt" }
                    }
                }
                State::Done(_) => {}
            }
        }
    }
}
