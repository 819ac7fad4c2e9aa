/* SPDX-License-Identifier: Apache-2.0 */
/* Text-to-video with the Open-Sora models: the only header to include. */
#pragma once

#define OPENSORA_INSIDE
#include <opensora/opensora-checkpoint.h>
#include <opensora/opensora-config.h>
#include <opensora/opensora-error.h>
#include <opensora/opensora-hub.h>
#include <opensora/opensora-params.h>
#include <opensora/opensora-pipeline.h>
#include <opensora/opensora-types.h>
#include <opensora/opensora-version.h>
#undef OPENSORA_INSIDE
