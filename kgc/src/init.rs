//! `kgc init` and `kgc genesis`: what happens before there is a service.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use consilium_client::file::{Existing, Readers, write_atomically};
use consilium_client::genesis::GenesisFileError;
use consilium_client::keyfile::{
    KeyFileError, Protection, WorkFactor, read_key_file, write_key_file,
};
use consilium_client::passphrase::Passphrase;
use consilium_contracts::{
    BlockTime, BoundError, Canonical as _, Digest, Genesis, GenesisError, HospitalCard, HospitalId,
    Hospitals, KgcCard, OrderedSet, Settings, VerifiedGenesis,
};
use consilium_schemes::abe::{Depth, IssueError};
use consilium_schemes::signature::SigningKey;
use consilium_service::tls::TlsError;

use crate::config::schema;
use crate::home::{Home, PublicFile, PublicFileError};
use crate::secrets::{NodeSecrets, SealedSecrets};

/// Levels of the tree where nothing else is asked for: 65,536 leaves.
pub const DEFAULT_DEPTH: u8 = 16;

/// What a KGC begins with.
#[derive(Debug)]
pub struct InitRequest<'a> {
    /// The folder to make; must not be there, or be empty.
    pub home: Home,
    /// URL under which callers reach the service.
    pub url: String,
    /// Multiaddress that its node listens on.
    pub listen: String,
    /// Host names and addresses for the TLS certificate.
    pub names: Vec<String>,
    /// Levels of the tree, 1 to 20: how many leaves the federation has over its life.
    pub depth: u8,
    /// Seals the secrets.
    pub passphrase: &'a Passphrase,
    /// Protects the administrator's key file.
    pub admin_passphrase: &'a Passphrase,
    /// What a passphrase costs to try.
    pub work: WorkFactor,
    /// Settings other than the defaults for `kgc.toml`: `section.name` and the value as TOML.
    pub settings: Vec<(String, String)>,
}

/// What `init` made.
#[derive(Debug, Clone)]
pub struct Initialised {
    /// What everyone may know; also in `kgc.json`.
    pub public: PublicFile,
    /// The administrator's key file.
    pub admin_key: PathBuf,
}

/// What genesis is made of.
#[derive(Debug, Clone)]
pub struct GenesisRequest {
    /// The federation's name for people.
    pub name: String,
    /// What every node agrees on.
    pub settings: Settings,
    /// The first hospitals.
    pub hospitals: Vec<HospitalCard>,
    /// Those of them that vote.
    pub validators: Vec<HospitalId>,
}

/// Why there is no KGC, or no genesis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// Something is there already.
    #[error("{path} is there already; nothing was changed")]
    Exists {
        /// What.
        path: PathBuf,
    },
    /// There is a genesis already.
    #[error(
        "{path} is there already; nothing was changed. A federation that runs keeps it; before it runs, move the file away to make another"
    )]
    GenesisExists {
        /// The file.
        path: PathBuf,
    },
    /// The system's reason.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A value that breaks a rule.
    #[error("{field}: {source}")]
    Value {
        /// Which.
        field: &'static str,
        /// The rule.
        source: BoundError,
    },
    /// The tree's depth.
    #[error("depth: {0}")]
    Depth(#[from] IssueError),
    /// The TLS identity.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// `kgc.json`.
    #[error(transparent)]
    Public(#[from] PublicFileError),
    /// `kgc.json` speaks of other keys than the sealed ones.
    #[error("kgc.json and kgc.sealed do not belong together")]
    Disagree,
    /// The genesis breaks a rule.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The genesis file.
    #[error(transparent)]
    GenesisFile(#[from] GenesisFileError),
}

impl InitError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Makes a KGC: every key, the public file, the settings. All of it or nothing is there afterwards.
///
/// # Errors
/// [`InitError`]; [`InitError::Exists`] where the folder has anything in it.
pub fn init(request: &InitRequest<'_>) -> Result<Initialised, InitError> {
    let home = &request.home;
    refuse_existing(home.path())?;
    let staged = staging_beside(home.path())?;
    let made = fill(&Home::at(&staged), request).and_then(|public| {
        sync_folder(&staged).map_err(InitError::io(&staged))?;
        std::fs::rename(&staged, home.path()).map_err(InitError::io(home.path()))?;
        Ok(public)
    });
    if made.is_err() {
        // What was begun is of no use to anybody; the error that matters is the first.
        let _ = std::fs::remove_dir_all(&staged);
    }
    Ok(Initialised {
        public: made?,
        admin_key: home.admin_key(),
    })
}

fn fill(home: &Home, request: &InitRequest<'_>) -> Result<PublicFile, InitError> {
    let mut rng = rand::rng();
    let depth = Depth::new(request.depth)?;
    let admin = SigningKey::generate(&mut rng);
    let secrets = SealedSecrets::generate(depth, admin.verifying_key().into(), &mut rng);
    let node = NodeSecrets::generate(&request.names, &mut rng)?;
    let pin = node.tls.pin()?;
    let card = KgcCard {
        url: bounded("url", request.url.parse())?,
        tls_pin: Digest::from_bytes(*pin.as_bytes()),
        signing_key: secrets.signing.verifying_key(),
        peer_key: node.peer.verifying_key(),
        listen: bounded("listen", request.listen.parse())?,
    };
    let sealed = Protection::PassphraseWithWork(request.passphrase, request.work);
    write_key_file(&home.sealed(), &secrets, sealed)?;
    write_key_file(&home.node(), &node, Protection::None)?;
    let protected = Protection::PassphraseWithWork(request.admin_passphrase, request.work);
    write_key_file(&home.admin_key(), &admin, protected)?;
    let settings = schema().commented_file_with(&request.settings);
    write_atomically(
        &home.settings(),
        settings.as_bytes(),
        Readers::Everyone,
        Existing::Keep,
    )
    .map_err(InitError::io(&home.settings()))?;
    let public = PublicFile::of(&card, &secrets);
    public.write(&home.public())?;
    Ok(public)
}

/// Makes and signs genesis, and writes it into the KGC's folder.
///
/// # Errors
/// [`InitError`]; [`InitError::GenesisExists`] where there is a genesis: a KGC has one federation.
pub fn genesis(
    home: &Home,
    passphrase: &Passphrase,
    request: GenesisRequest,
) -> Result<VerifiedGenesis, InitError> {
    let there = |_| InitError::GenesisExists {
        path: home.genesis(),
    };
    refuse_existing(&home.genesis()).map_err(there)?;
    let public = PublicFile::read(&home.public())?;
    let secrets: SealedSecrets = read_key_file(&home.sealed(), Some(passphrase))?;
    if !public.agrees_with(&secrets) {
        return Err(InitError::Disagree);
    }
    let parameters = secrets.master.public_parameters().to_bytes();
    let card = public.card().map_err(|_| InitError::Disagree)?;
    let genesis = Genesis {
        name: bounded("name", request.name.parse())?,
        created: BlockTime::new(now_ms()),
        parameters: bounded("parameters", parameters.try_into())?,
        token_key: secrets.tokens.public_key().to_bytes(),
        settings: request.settings,
        kgc: card,
        hospitals: bounded("hospitals", Hospitals::collect(request.hospitals))?,
        validators: bounded("validators", OrderedSet::collect(request.validators))?,
    };
    let genesis = genesis.sign(&secrets.signing).verify()?;
    let bytes = genesis.signed().to_canonical_bytes();
    write_atomically(&home.genesis(), &bytes, Readers::Everyone, Existing::Keep)
        .map_err(InitError::io(&home.genesis()))?;
    Ok(genesis)
}

fn bounded<T>(field: &'static str, value: Result<T, BoundError>) -> Result<T, InitError> {
    value.map_err(|source| InitError::Value { field, source })
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Refuses a file, and a folder that is not empty.
pub(crate) fn refuse_existing(path: &Path) -> Result<(), InitError> {
    let found = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if found {
        Err(InitError::Exists {
            path: path.to_owned(),
        })
    } else {
        Ok(())
    }
}

/// A new folder on the same disk, readable by its owner only.
pub(crate) fn staging_beside(path: &Path) -> Result<PathBuf, InitError> {
    use std::os::unix::fs::DirBuilderExt as _;

    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(InitError::io(folder))?;
    let staged = folder.join(format!(".kgc.{:016x}.tmp", rand::random::<u64>()));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&staged);
    made.map_err(InitError::io(&staged))?;
    Ok(staged)
}

pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}
