//! The form of a verb: its fields, the command that it runs, and the containers that it stops.

use maud::{Markup, html};

use super::Trouble;
use super::frame::{self, Head, Tab};
use super::parts::prose;
use crate::model::{BranchName, HoldMode, VolumeName, plain};
use crate::ops::{WouldHold, shown};
use crate::ui::app::App;
use crate::ui::fields::Fields;
use crate::ui::verbs::{self, Field, Look, Verb};

pub(in crate::ui) fn page(app: &App, parts: &[String], fields: &Fields) -> Result<Markup, Trouble> {
    form(app, parts, fields, false)
}

/// Shows the form again, with what is wrong with it.
pub(in crate::ui) fn again(app: &App, parts: &[String], fields: &Fields) -> Result<Markup, Trouble> {
    form(app, parts, fields, true)
}

/// Returns the address of the page that shows what a verb did.
pub(in crate::ui) fn back(verb: &Verb, fields: &Fields) -> String {
    let name = match verb.name {
        "clone" | "add-worktree" => fields.text("name"),
        "remove-worktree" => fields.text("of"),
        "undo" if fields.is_set("as") => fields.text("as"),
        "rm" | "gc" => return if verb.name == "rm" { "/" } else { "/pool" }.to_owned(),
        _ => fields.text("volume"),
    };
    name.parse::<VolumeName>().map_or_else(|_| "/".to_owned(), |volume| format!("/v/{volume}"))
}

fn form(app: &App, parts: &[String], fields: &Fields, is_again: bool) -> Result<Markup, Trouble> {
    let verb = parts.first().and_then(|name| verbs::find(name));
    let verb = verb.ok_or_else(|| Trouble::missing("there is no such verb"))?;
    // At first the boxes are as the verb has them.
    let is_ticked = |field: &Field| {
        if is_again { fields.is_set(field.name) } else { field.ticked || fields.is_set(field.name) }
    };
    let ticked: Vec<(&str, &str)> = verb
        .fields
        .iter()
        .filter(|field| field.look == Look::Box && is_ticked(field))
        .map(|field| (field.name, "1"))
        .collect();
    let fields = &fields.clone().and(&ticked);
    let words = verbs::words(verb, fields);
    let containers = verbs::containers(&app.pool, verb, fields);
    let home = back(verb, fields);
    let body = html! {
        form.action method="post" action=(format!("/do/{}", verb.name)) data-verb=(verb.name) {
            h1 { (verb.title) }
            p.dim { (verb.about) }
            input type="hidden" name="token" value=(app.access.form_token());
            @for field in verb.fields { (input(app, field, fields, is_ticked(field))) }
            @if is_again && let Err(reason) = &words { div.notice.bad role="alert" { p { (prose(reason)) } } }
            @match &containers {
                Ok(found) => (held(found)),
                Err(error) => div.notice { p { (prose(&error.to_string())) } },
            }
            p.label #runs { "Runs" }
            pre.line aria-labelledby="runs" aria-live="polite" {
                code data-line=(format!("/line/{}", verb.name)) {
                    @match &words {
                        Ok(words) => (app.jobs.command(words)),
                        Err(_) => { "dvol " (unfinished(verb)) " …" }
                    }
                }
            }
            div.buttons {
                a.button href=(home) data-close { "Cancel" }
                button.main.takes[verb.takes] { (verb.button) }
            }
        }
    };
    Ok(frame::page(app, &Head { title: verb.title, tab: Tab::None, crumbs: &[] }, &body))
}

/// Returns the first words of a command whose form is not filled in yet.
fn unfinished(verb: &Verb) -> String {
    match verb.name.split_once('-') {
        Some((word, "worktree")) => format!("worktree {word}"),
        Some((_, noun)) => noun.to_owned(),
        None => verb.name.to_owned(),
    }
}

fn input(app: &App, field: &Field, fields: &Fields, is_ticked: bool) -> Markup {
    let (name, value) = (field.name, fields.text(field.name));
    let id = format!("field-{name}");
    html! {
        @match field.look {
            Look::Given if value.is_empty() => {}
            Look::Given => {
                input type="hidden" name=(name) value=(value);
                p.given {
                    span.label { (field.label) } " "
                    b { @if name == "path" { (shown(&fields.path(name))) } @else { (plain(value)) } }
                }
            }
            Look::Line => {
                label for=(id) { (field.label) @if field.optional { span.dim { " optional" } } }
                input #(id) type="text" name=(name) value=(value) required[!field.optional] autocomplete="off"
                    spellcheck="false" autocapitalize="none" list=[(name == "branch").then_some("branches")];
                @if name == "branch" { (branches(app, fields)) }
            }
            Look::Lines => {
                label for=(id) { (field.label) @if field.optional { span.dim { " optional" } } }
                textarea #(id) name=(name) rows="3" required[!field.optional] { (value) }
            }
            Look::Box => {
                label.box { input type="checkbox" name=(name) value="1" checked[is_ticked]; " " (field.label) }
            }
        }
    }
}

fn branches(app: &App, fields: &Fields) -> Markup {
    let volume = fields.text("volume").parse::<VolumeName>().ok();
    let found =
        volume.and_then(|volume| app.pool.store().read(|rows| rows.branches(&rows.owner(&volume)?)).ok());
    let names: Vec<BranchName> = found.unwrap_or_default().into_iter().map(|branch| branch.name).collect();
    html! { datalist #branches { @for name in &names { option value=(name) {} } } }
}

/// Says which containers would be stopped, killed or paused.
fn held(containers: &[WouldHold]) -> Markup {
    html! {
        @if !containers.is_empty() {
            div.held {
                @for WouldHold { container, how } in containers {
                    p {
                        @match how {
                            HoldMode::Stop => "Stops and starts ",
                            HoldMode::Kill => "Kills and starts ",
                            HoldMode::Pause => "Pauses ",
                            HoldMode::Restart => "Pauses and restarts ",
                            HoldMode::Leave => "Leaves running ",
                        }
                        b { (plain(container)) }
                        @if *how == HoldMode::Kill { span.dim { ": what it has not written would be thrown away" } }
                    }
                }
            }
        }
    }
}
