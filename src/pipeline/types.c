/* SPDX-License-Identifier: Apache-2.0 */
/* The public enumerations, as properties need them. */
#include <opensora/opensora.h>

G_DEFINE_ENUM_TYPE (OpensoraNoise, opensora_noise,
    G_DEFINE_ENUM_VALUE (OPENSORA_NOISE_CPU, "cpu"),
    G_DEFINE_ENUM_VALUE (OPENSORA_NOISE_CUDA, "cuda"))

G_DEFINE_ENUM_TYPE (OpensoraNoiseDtype, opensora_noise_dtype,
    G_DEFINE_ENUM_VALUE (OPENSORA_NOISE_DTYPE_F32, "f32"),
    G_DEFINE_ENUM_VALUE (OPENSORA_NOISE_DTYPE_BF16, "bf16"),
    G_DEFINE_ENUM_VALUE (OPENSORA_NOISE_DTYPE_F16, "f16"))
