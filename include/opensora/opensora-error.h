/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <glib.h>
#include <opensora/opensora-version.h>

G_BEGIN_DECLS

/**
 * OPENSORA_ERROR:
 *
 * Error domain of the library. Cancelled calls report
 * %G_IO_ERROR_CANCELLED in the %G_IO_ERROR domain instead.
 *
 * Since: 0.1
 */
#define OPENSORA_ERROR (opensora_error_quark ())

/**
 * OpensoraError:
 * @OPENSORA_ERROR_SETTINGS: a parameter has a value that cannot be used; the
 *   message names the parameter and legal values
 * @OPENSORA_ERROR_NOT_FOUND: a model, file or component is not there
 * @OPENSORA_ERROR_READ: a file exists and cannot be read
 * @OPENSORA_ERROR_FORMAT: a file is not what it should be: damaged header,
 *   tensor outside the file, invalid JSON
 * @OPENSORA_ERROR_UNSUPPORTED: a file is understood and nothing here can use
 *   it: unknown architecture, model version or container
 * @OPENSORA_ERROR_MISMATCH: tensors are missing or have other shapes than the
 *   configuration asks for, or parts do not belong where they were given
 * @OPENSORA_ERROR_MEMORY: memory could not be had
 * @OPENSORA_ERROR_BACKEND: a compute backend is missing or failed
 * @OPENSORA_ERROR_NUMERIC: the result is not finite
 * @OPENSORA_ERROR_WRITE: a file cannot be written: no permission, no space
 *
 * Codes of %OPENSORA_ERROR.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_ERROR_SETTINGS,
  OPENSORA_ERROR_NOT_FOUND,
  OPENSORA_ERROR_READ,
  OPENSORA_ERROR_FORMAT,
  OPENSORA_ERROR_UNSUPPORTED,
  OPENSORA_ERROR_MISMATCH,
  OPENSORA_ERROR_MEMORY,
  OPENSORA_ERROR_BACKEND,
  OPENSORA_ERROR_NUMERIC,
  OPENSORA_ERROR_WRITE,
} OpensoraError;

OPENSORA_API
GQuark opensora_error_quark (void);

G_END_DECLS
