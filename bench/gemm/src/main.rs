//! Our GEMM kernel against the crates `gemm` and `matrixmultiply`, on the shapes of the presets.
//!
//! `cargo run --release` in this folder. One thread; each shape is a layer seen by one tile of 16, 32
//! or 64 samples, in the layout of the engine: forward (`A` is column-major), input gradient,
//! weight gradient. Alternating rounds, median GFLOP/s of each.

use std::time::Instant;

use gradus_kernels::Isa;
use gradus_kernels::gemm::{GemmSize, Layout, MatrixA, MatrixB, MatrixC, gemm};

const ROUNDS: usize = 15;

/// `c[m, n] += Σ_k a[m·a_row + k·a_inner] · b[k·n + …]`, the same in every candidate.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    m: usize,
    n: usize,
    k: usize,
    a_row: usize,
    a_inner: usize,
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let layers = [("784-10", 784, 10), ("784-50", 784, 50), ("784-200", 784, 200), ("200-100", 200, 100), ("1024-1024", 1024, 1024), ("1176-200", 1176, 200)];
    for (name, fan_in, fan_out) in layers {
        for tile in [16, 32, 64] {
            let case = |m, n, k, a_row, a_inner| Case { name, m, n, k, a_row, a_inner };
            all.push(case(fan_out, tile, fan_in, 1, fan_out)); // forward
            all.push(case(fan_in, tile, fan_out, fan_out, 1)); // input gradient
            all.push(case(fan_in, fan_out, tile, tile, 1)); // weight gradient
        }
    }
    all
}

fn main() {
    Isa::force_from_environment().unwrap_or_else(|error| panic!("{error}"));
    println!("| layer | m, n, k | ours | gemm | matrixmultiply | ours / best |");
    println!("|---|---|---|---|---|---|");
    for Case { name, m, n, k, a_row, a_inner } in cases() {
        let a = vec![0.5f32; m * k];
        let b = vec![0.25f32; k * n];
        let mut c = vec![0.0f32; m * n];
        let mut ours = || {
            let (layout, lda) =
                if a_row == 1 { (Layout::ColumnMajor, a_inner) } else { (Layout::RowMajor, a_row) };
            gemm(
                GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 },
                MatrixA { values: &a, layout, lda },
                MatrixB { values: &b, ldb: n, batch_stride: 0 },
                MatrixC::new(&mut c, n, true),
            );
        };
        let mut times = [const { Vec::new() }; 3];
        let flop = 2.0 * (m * n * k) as f64;
        let repeats = (4e7 / flop).ceil() as usize;
        for _ in 0..ROUNDS {
            times[0].push(seconds(repeats, &mut ours));
            let mut d = vec![0.0f32; m * n];
            times[1].push(seconds(repeats, &mut || unsafe {
                gemm::gemm(
                    m, n, k, d.as_mut_ptr(), 1, n as isize, true, a.as_ptr(), a_inner as isize,
                    a_row as isize, b.as_ptr(), 1, n as isize, 1.0, 1.0, false, false, false,
                    gemm::Parallelism::None,
                );
            }));
            times[2].push(seconds(repeats, &mut || unsafe {
                matrixmultiply::sgemm(
                    m, k, n, 1.0, a.as_ptr(), a_row as isize, a_inner as isize, b.as_ptr(),
                    n as isize, 1, 1.0, d.as_mut_ptr(), n as isize, 1,
                );
            }));
        }
        let [ours, gemm, matrixmultiply] = times.map(|mut t| {
            t.sort_by(f64::total_cmp);
            flop / t[t.len() / 2] * 1e-9
        });
        println!(
            "| {name} | {m}, {n}, {k} | {ours:.1} | {gemm:.1} | {matrixmultiply:.1} | {:.2} |",
            ours / gemm.max(matrixmultiply)
        );
    }
}

fn seconds(repeats: usize, run: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        run();
    }
    start.elapsed().as_secs_f64() / repeats as f64
}
