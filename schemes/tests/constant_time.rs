//! No branch and no address depends on a secret: Valgrind's memcheck follows secrets that are marked as undefined through the real
//! machine code (Langley, ctgrind, 2010).
//!
//! Left out by name (`constant_time.supp`): `blst_p1_mult` and `blst_p2_mult` compare the scalar with r and go another way where it is not
//! below; ours always are. Memcheck says nothing of instructions whose own time depends on their operands (the code has no division by secrets), and only of
//! what is run here. Where Valgrind is not installed the test says so and checks nothing; `make setup` installs it if it can.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::hint::black_box;
use std::process::Command;

use consilium_schemes::curve::{FixedG1, FixedG2, G1, G2, SecretScalar, pairing};
use consilium_schemes::matching::{EncryptedIndex, HospitalSecretKeys, index_build};

use crate::matching::{n, tokens};
use crate::support::fixed_rng;

/// Memcheck's exit code when it has found something.
const FOUND: i32 = 99;

/// What is run under Valgrind: these tests, each in a process of its own.
const CLEAN: &str = "constant_time::operations_with_secrets";
const CONTROL: &str = "constant_time::control_that_branches_on_a_secret";

#[allow(unsafe_code)]
mod client {
    use core::arch::asm;

    /// VALGRIND_MAKE_MEM_UNDEFINED and VALGRIND_MAKE_MEM_DEFINED of memcheck.h: 'M', 'C' in the two upper bytes.
    const UNDEFINED: u64 = 0x4d43_0001;
    const DEFINED: u64 = 0x4d43_0002;
    /// VG_USERREQ__RUNNING_ON_VALGRIND of valgrind.h.
    const RUNNING: u64 = 0x1001;

    /// A client request as valgrind.h makes it on amd64: four rotations that add up to two full turns, and an exchange of rbx with itself.
    /// Without Valgrind that does nothing, and the answer is 0.
    fn request(arguments: &[u64; 6]) -> u64 {
        let mut answer = 0_u64;
        // SAFETY: rdi is restored by the rotations, rbx is exchanged with itself; Valgrind reads six words behind rax.
        unsafe {
            asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                inout("rdx") answer,
                in("rax") arguments.as_ptr(),
            );
        }
        answer
    }

    pub fn running() -> bool {
        request(&[RUNNING, 0, 0, 0, 0, 0]) > 0
    }

    fn mark<T>(value: &T, request_code: u64) {
        let address = std::ptr::from_ref(value) as u64;
        request(&[request_code, address, size_of::<T>() as u64, 0, 0, 0]);
    }

    /// From here on the bytes of the value itself (not what it points to) count as secret.
    pub fn secret<T>(value: &T) {
        mark(value, UNDEFINED);
    }

    pub fn public<T>(value: &T) {
        mark(value, DEFINED);
    }
}

fn secret(seed: u64) -> SecretScalar {
    let scalar = SecretScalar::random(&mut fixed_rng(seed));
    client::secret(&scalar);
    scalar
}

/// What comes out is as secret as what went in; that it is dropped, wiped or compared later is not the operation's.
fn done<T>(outcome: T) {
    let outcome = black_box(outcome);
    client::public(&outcome);
}

#[test]
#[ignore = "run under Valgrind by the test below"]
fn operations_with_secrets() {
    assert!(client::running(), "only Valgrind can see what this is for");
    let (p, q) = (
        G1::generator() + G1::generator(),
        G2::generator() + G2::generator(),
    );
    let e = pairing(&p, &q);
    let (k, l) = (secret(1), secret(2));
    done(&k + &l);
    done(&k - &l);
    done(&k * &l);
    done(-&k);
    done(p * &k);
    done(q * &k);
    done(FixedG1::generator() * &k);
    done(FixedG2::generator() * &k);
    done(&FixedG1::new(&p) * &k);
    done(&FixedG2::new(&q) * &k);
    done(e.pow_secret(&k));

    let rng = &mut fixed_rng(3);
    let keys = HospitalSecretKeys::generate(rng);
    let public = keys.public_keys();
    let index = index_build(n(2), &tokens("ab"), rng)
        .unwrap()
        .encrypt(&public, rng);
    let index = EncryptedIndex::from_bytes(&index.to_bytes(), n(2)).unwrap();
    client::secret(&keys);
    let opened = index.decrypt(&keys);
    // Its points lie behind a pointer: what is read of them counts as secret until here.
    std::mem::forget(black_box(opened));
}

#[test]
#[ignore = "run under Valgrind by the test below"]
fn control_that_branches_on_a_secret() {
    let k = secret(1);
    let bits = k.to_bytes();
    let odd = bits.last().is_some_and(|last| last & 1 == 1);
    if black_box(odd) {
        println!("odd");
    }
}

#[test]
fn no_branch_and_no_address_depends_on_a_secret() {
    let this = std::env::current_exe().unwrap();
    let exit = |test: &str| {
        let mut valgrind = Command::new("valgrind");
        let code = format!("--error-exitcode={FOUND}");
        let known = concat!(
            "--suppressions=",
            env!("CARGO_MANIFEST_DIR"),
            "/tests/constant_time.supp"
        );
        valgrind
            .args(["--quiet", "--leak-check=no", &code, known])
            .arg(&this);
        valgrind.args([test, "--exact", "--ignored", "--test-threads=1"]);
        let said = valgrind.output().ok()?;
        let text = String::from_utf8_lossy(&said.stderr).into_owned()
            + &String::from_utf8_lossy(&said.stdout);
        Some((said.status.code(), text))
    };
    let Some((control, said)) = exit(CONTROL) else {
        println!("Valgrind is not installed: whether time depends on secrets was not checked");
        return;
    };
    assert_eq!(
        control,
        Some(FOUND),
        "memcheck must see the control: {said}"
    );
    let (clean, said) = exit(CLEAN).unwrap();
    assert_eq!(clean, Some(0), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
