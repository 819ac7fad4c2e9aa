/* SPDX-License-Identifier: Apache-2.0 */
/* The public enumerations, as properties need them; the names are what
 * gst-inspect prints. */
#include <opensora/opensora.h>

G_DEFINE_ENUM_TYPE (OpensoraNoise, opensora_noise,
    { OPENSORA_NOISE_CPU, "PyTorch's on a CPU", "cpu" },
    { OPENSORA_NOISE_CUDA, "PyTorch's on an NVIDIA graphics card", "cuda" })

G_DEFINE_ENUM_TYPE (OpensoraNoiseDtype, opensora_noise_dtype,
    { OPENSORA_NOISE_DTYPE_F32, "32-bit floating point", "f32" },
    { OPENSORA_NOISE_DTYPE_BF16, "bfloat16", "bf16" },
    { OPENSORA_NOISE_DTYPE_F16, "16-bit floating point", "f16" })
