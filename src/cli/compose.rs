//! The compose project of the directory that the command runs in, as compose decides it: what
//! `COMPOSE_PROJECT_NAME` says, in the environment or in `.env`; else `name:` in the compose file;
//! else the name of that file's directory. The file is the one that `COMPOSE_FILE` names, else the
//! nearest upwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{env, fs};

use yaml_rust2::{Yaml, YamlLoader};

use super::{environment, pools};
use crate::containers::ComposeVolume;
use crate::model::{ProjectName, VolumeName};

/// Where compose looks, the one that wins first.
const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// What compose reads behind those.
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// A project as its directory tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compose {
    /// Its name.
    pub(super) project: ProjectName,
    /// The volumes that the compose file gives a name of their own, by what it calls them.
    named: BTreeMap<String, String>,
    /// What the compose file calls its other volumes.
    keys: BTreeSet<String>,
    /// The services with each port that they publish, as the compose file has it.
    pub(super) ports: Vec<(String, String)>,
    /// What the compose file calls volumes that the project does not make.
    external: BTreeSet<String>,
}

impl Compose {
    /// The whole name of a volume that the compose file calls so, where that file says it.
    pub(super) fn volume_called(&self, name: &VolumeName) -> Option<VolumeName> {
        self.named.get(name.as_str())?.parse().ok()
    }

    /// The whole name that compose gives a volume without a name of its own.
    pub(super) fn prefixed(&self, key: &str) -> Option<VolumeName> {
        format!("{}{key}", self.project.volume_prefix()).parse().ok()
    }

    /// What the project calls a volume of its own.
    pub(super) fn own(&self, volume: &VolumeName) -> Option<ComposeVolume> {
        let is_named = |key: &&String| self.named.get(*key).map(String::as_str) == Some(volume.as_str());
        let is_prefixed = |key: &&String| self.prefixed(key).as_ref() == Some(volume);
        let named = self.named.keys().filter(|key| !self.external.contains(*key)).find(is_named);
        let key = named.or_else(|| self.keys.iter().find(is_prefixed))?;
        Some(ComposeVolume {
            volume: volume.to_string(),
            project: self.project.to_string(),
            key: Some(key.clone()),
        })
    }

    /// What the compose file calls the volumes that the project makes.
    pub(super) fn volume_keys(&self) -> impl Iterator<Item = &str> {
        let named = self.named.keys().filter(|key| !self.external.contains(*key));
        named.chain(&self.keys).map(String::as_str)
    }

    /// The whole name of the volume that the compose file calls so.
    pub(super) fn full_name(&self, key: &str) -> Option<VolumeName> {
        match self.named.get(key) {
            Some(name) => name.parse().ok(),
            None => self.keys.contains(key).then(|| self.prefixed(key)).flatten(),
        }
    }

    /// The whole names of all volumes of the compose file.
    pub(super) fn volumes(&self) -> Vec<VolumeName> {
        let named = self.named.values().filter_map(|name| name.parse().ok());
        named.chain(self.keys.iter().filter_map(|key| self.prefixed(key))).collect()
    }
}

/// How a project gets its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming<'n> {
    /// As compose decides it in the directory.
    Here,
    /// By the directory and its files alone: the environment speaks of another directory.
    Files,
    /// By this name.
    As(&'n str),
}

/// The project of a directory; as [`here`] otherwise.
pub(super) fn at(directory: &Path, pool: &Path, naming: Naming<'_>) -> Option<Compose> {
    let is_safe = |directory: &Path| !pools::holds(directory, pool);
    let environment = |name: &str| match (name, naming) {
        ("COMPOSE_PROJECT_NAME", Naming::Files) => None,
        ("COMPOSE_PROJECT_NAME", Naming::As(project)) => Some(project.to_owned()),
        _ => environment::variable(name),
    };
    project_of(directory, &environment, &is_safe)
}

/// The project of the current directory; none where there is no compose file, or one that compose
/// would refuse. Of files inside a pool, such as the one at `pool`, none is read: a container may
/// have written them.
pub(super) fn here(pool: &Path) -> Option<Compose> {
    let is_safe = |directory: &Path| !pools::holds(directory, pool);
    project_of(&env::current_dir().ok()?, &environment::variable, &is_safe)
}

fn project_of(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    is_safe: &dyn Fn(&Path) -> bool,
) -> Option<Compose> {
    let is_safe_file = |path: &Path| {
        let real = fs::canonicalize(path).ok();
        real.is_some_and(|real| real.is_file() && real.parent().is_some_and(is_safe))
    };
    let dotenv = |directory: &Path| {
        let path = directory.join(".env");
        if is_safe_file(&path) { read_dotenv(&path) } else { HashMap::new() }
    };
    let mut variables = Variables { environment, files: vec![dotenv(directory)] };
    let set = |variables: &Variables<'_>| variables.get("COMPOSE_PROJECT_NAME");
    let files = match variables.get("COMPOSE_FILE") {
        Some(list) => {
            let separator = variables.get("COMPOSE_PATH_SEPARATOR").unwrap_or_else(|| ":".to_owned());
            Some(list.split(&separator).map(|file| directory.join(file)).collect())
        }
        None if is_safe(directory) => nearest(directory),
        None => None,
    };
    let Some(files) = files else {
        let project = ProjectName::normalized(&set(&variables)?)?;
        return Some(Compose {
            project,
            named: BTreeMap::new(),
            keys: BTreeSet::new(),
            external: BTreeSet::new(),
            ports: Vec::new(),
        });
    };
    // As compose does, before it looks at the name: `..` in a path is gone.
    let home = fs::canonicalize(files.first()?.parent()?).ok()?;
    if home != directory {
        variables.files.push(dotenv(&home));
    }
    let mut contents = Contents::default();
    for file in &files {
        if !is_safe_file(file) {
            return None;
        }
        contents.read(&fs::read_to_string(file).ok()?)?;
    }
    let project = match (set(&variables), &contents.name) {
        (Some(set), _) => ProjectName::normalized(&set)?,
        (None, Some(name)) => variables.interpolate(name)?.parse().ok()?,
        (None, None) => ProjectName::normalized(home.file_name()?.to_str()?)?,
    };
    // As compose has it: the name of the project is a variable, too.
    variables.files.push(HashMap::from([("COMPOSE_PROJECT_NAME".to_owned(), project.to_string())]));
    let named =
        contents.volumes.into_iter().filter_map(|(key, name)| Some((key, variables.interpolate(&name)?)));
    let named = named.collect();
    Some(Compose { project, named, keys: contents.keys, external: contents.external, ports: contents.ports })
}

/// What is of interest in compose files; a later one wins.
#[derive(Default)]
struct Contents {
    name: Option<String>,
    /// By key.
    volumes: BTreeMap<String, String>,
    /// The keys of those without a name of their own.
    keys: BTreeSet<String>,
    /// The keys of those that the project does not make.
    external: BTreeSet<String>,
    /// The services, each with a port that it publishes.
    ports: Vec<(String, String)>,
}

impl Contents {
    /// None when the text is no compose file.
    fn read(&mut self, text: &str) -> Option<()> {
        let documents = YamlLoader::load_from_str(text).ok()?;
        let top = documents.first()?;
        top.as_hash()?;
        let text_of = |value: &Yaml| value.as_str().map(str::to_owned);
        if !top["name"].is_badvalue() {
            self.name = Some(text_of(&top["name"])?);
        }
        for (service, definition) in top["services"].as_hash().into_iter().flatten() {
            let Some(service) = text_of(service) else { continue };
            for port in definition["ports"].as_vec().into_iter().flatten() {
                let published = &port["published"];
                let number = published.as_i64().map(|number| number.to_string());
                // The long form, as the short one has it.
                let long = text_of(published).or(number).map(|published| format!("{published}:0"));
                self.ports.extend(text_of(port).or(long).map(|port| (service.clone(), port)));
            }
        }
        for (key, volume) in top["volumes"].as_hash().into_iter().flatten() {
            let external = &volume["external"];
            // An external one without a name goes by its key, not by the project's prefix.
            let by_key = (external.as_bool() == Some(true)).then(|| text_of(key)).flatten();
            let name = text_of(&volume["name"]).or(text_of(&external["name"])).or(by_key);
            let Some(key) = text_of(key) else { continue };
            if external.as_bool() == Some(true) || external.as_hash().is_some() {
                self.external.insert(key.clone());
            }
            match name {
                Some(name) => {
                    self.keys.remove(&key);
                    self.volumes.insert(key, name);
                }
                None if !self.volumes.contains_key(&key) => {
                    self.keys.insert(key);
                }
                None => {}
            }
        }
        Some(())
    }
}

/// The compose file of the nearest directory upwards that has one, and what it is overridden by.
fn nearest(directory: &Path) -> Option<Vec<PathBuf>> {
    let first_of =
        |home: &Path, names: &[&str]| names.iter().map(|name| home.join(name)).find(|file| file.exists());
    directory.ancestors().find_map(|home| {
        let mut files = vec![first_of(home, &FILES)?];
        files.extend(first_of(home, &OVERRIDES));
        Some(files)
    })
}

fn read_dotenv(path: &Path) -> HashMap<String, String> {
    let lines = dotenvy::from_path_iter(path).into_iter().flatten();
    lines.map_while(Result::ok).filter(|(_, value)| !value.is_empty()).collect()
}

/// What a compose file may refer to: the environment, then the `.env` files.
struct Variables<'v> {
    environment: &'v dyn Fn(&str) -> Option<String>,
    files: Vec<HashMap<String, String>>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.environment)(name).or_else(|| self.files.iter().find_map(|file| file.get(name).cloned()))
    }

    /// Puts values in for `$NAME`, `${NAME}`, `${NAME:-DEFAULT}` and `${NAME-DEFAULT}`; `$$` is a
    /// dollar. None for what else a compose file may ask for.
    fn interpolate(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((inside, after)) =
                after.strip_prefix('{').and_then(|text| text.split_once('}'))
            {
                let (name, default) = inside.split_at(inside.find(|c| !is_word(c)).unwrap_or(inside.len()));
                let default = match default {
                    "" => "",
                    default => default.strip_prefix(":-").or(default.strip_prefix('-'))?,
                };
                out.push_str(&self.get(name).unwrap_or_else(|| default.to_owned()));
                rest = after;
            } else {
                let (name, after) = after.split_at(after.find(|c| !is_word(c)).unwrap_or(after.len()));
                out.push_str(&self.get(name).unwrap_or_default());
                rest = after;
            }
        }
        out.push_str(rest);
        Some(out)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;

    /// The project of `inside`, with these files around it and this environment.
    fn project(inside: &str, files: &[(&str, &str)], environment: &[(&str, &str)]) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("My.Shop");
        fs::create_dir_all(home.join(inside)).unwrap();
        for (name, text) in files {
            fs::create_dir_all(home.join(name).parent().unwrap()).unwrap();
            fs::write(home.join(name), text).unwrap();
        }
        let look = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        project_of(&home.join(inside), &look, &|_| true).map(|compose| compose.project.to_string())
    }

    const PLAIN: (&str, &str) = ("compose.yaml", "services: {db: {image: busybox}}\n");

    #[test]
    fn the_nearest_compose_file_upwards_decides() {
        assert_eq!(project("", &[PLAIN], &[]).as_deref(), Some("myshop"));
        assert_eq!(project("src/deep", &[PLAIN], &[]).as_deref(), Some("myshop"));
        assert_eq!(project("", &[], &[]), None);
        assert_eq!(project("", &[("a/docker-compose.yml", "services: {}")], &[]), None);
        assert_eq!(
            project("a", &[("a/docker-compose.yml", "services: {}"), PLAIN], &[]).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn a_name_goes_before_the_directory_and_the_environment_before_both() {
        let named = ("compose.yaml", "name: frob\nservices:\n  db: &x {command: !reset null}\n");
        let dotenv = (".env", "# who\nCOMPOSE_PROJECT_NAME=Blog\n");
        assert_eq!(project("", &[named], &[]).as_deref(), Some("frob"));
        assert_eq!(project("", &[named, dotenv], &[]).as_deref(), Some("blog"));
        assert_eq!(project("sub", &[named, dotenv], &[]).as_deref(), Some("blog"));
        let set = [("COMPOSE_PROJECT_NAME", "other")];
        assert_eq!(project("", &[named, dotenv], &set).as_deref(), Some("other"));
        assert_eq!(project("", &[], &set).as_deref(), Some("other"));
    }

    #[test]
    fn a_name_may_be_put_together() {
        let named = |name: &str| format!("name: \"{name}\"\n");
        let of = |name: &str, set: &[(&str, &str)]| project("", &[("compose.yaml", &named(name))], set);
        assert_eq!(of("shop-${STAGE:-dev}", &[]).as_deref(), Some("shop-dev"));
        assert_eq!(of("shop-${STAGE:-dev}", &[("STAGE", "live")]).as_deref(), Some("shop-live"));
        assert_eq!(of("$STAGE-shop", &[("STAGE", "live")]).as_deref(), Some("live-shop"));
        // What compose refuses is no project.
        assert_eq!(of("Shop", &[]), None);
        assert_eq!(of("${STAGE:?missing}", &[]), None);
    }

    #[test]
    fn a_file_may_be_named() {
        let files = [("stack/app.yml", "services: {}"), ("stack/more.yml", "name: more"), PLAIN];
        assert_eq!(project("", &files, &[("COMPOSE_FILE", "stack/app.yml")]).as_deref(), Some("stack"));
        let both = [("COMPOSE_FILE", "stack/app.yml:stack/more.yml")];
        assert_eq!(project("", &files, &both).as_deref(), Some("more"));
        let overridden = [PLAIN, ("compose.override.yaml", "name: better")];
        assert_eq!(project("", &overridden, &[]).as_deref(), Some("better"));
        assert_eq!(project("", &[("compose.yaml", "a: [")], &[]), None);
    }

    #[test]
    fn a_project_knows_its_own_volumes_and_what_it_calls_them() {
        let text = "name: shop\nvolumes:\n  db: {driver: dvol}\n  files: {name: frob}\n  seen: {external: true}\n  old: {external: {name: x}}\n";
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("compose.yml"), text).unwrap();
        let compose = project_of(root.path(), &|_| None, &|_| true).unwrap();
        let own = |name: &str| compose.own(&name.parse().unwrap()).map(|own| (own.project, own.key.unwrap()));
        let shop = |key: &str| Some(("shop".to_owned(), key.to_owned()));
        assert_eq!((own("shop_db"), own("frob")), (shop("db"), shop("files")));
        for other in ["db", "files", "shop_files", "seen", "shop_seen", "x", "shop_x"] {
            assert_eq!(own(other), None, "{other}");
        }
    }

    #[test]
    fn a_volume_may_have_a_name_of_its_own() {
        let text = "volumes:\n  db:\n  files: {driver: dvol, name: \"frob_${WHAT:-files}\"}\n  old: {external: {name: x}}\n  seen: {external: true}\n";
        let mut contents = Contents::default();
        contents.read(text).unwrap();
        let variables = Variables { environment: &|_| None, files: Vec::new() };
        let name = |key: &str| contents.volumes.get(key).map(|name| variables.interpolate(name).unwrap());
        assert_eq!((name("db"), name("files").as_deref()), (None, Some("frob_files")));
        assert_eq!((name("old").as_deref(), name("seen").as_deref()), (Some("x"), Some("seen")));
        assert_eq!(contents.keys.iter().map(String::as_str).collect::<Vec<_>>(), ["db"]);
    }
}
