package model

import (
	"errors"
	"fmt"

	"whorl/internal/safetensors"
)

// Why a model was refused, one error a cause. Errors of [Open] and [Decode]
// wrap exactly one of them and end with what to do about it; those of
// [Marshal] wrap one of the last eight.
var (
	ErrTruncated    = errors.New("model file is cut short")
	ErrTrailing     = errors.New("model file has bytes after its end")
	ErrTooLarge     = errors.New("model file is too large")
	ErrNotModel     = errors.New("not a whorl model file")
	ErrNewerFormat  = errors.New("model file is of a newer format")
	ErrHeaderSize   = errors.New("model file states an impossible header length")
	ErrHeader       = errors.New("model file has a damaged header")
	ErrNotCanonical = errors.New("model file's header is not written the one canonical way")
	ErrDigest       = errors.New("model file does not match its own digest")
	ErrSchema       = errors.New("model is trained for another feature schema")

	ErrMetadata    = errors.New("model metadata is invalid")
	ErrThreshold   = errors.New("model threshold or precision target is out of range")
	ErrTensor      = errors.New("model tensor is missing, unknown or misshaped")
	ErrNotFinite   = errors.New("model holds a value that is not finite")
	ErrForest      = errors.New("model forest is invalid")
	ErrCalibration = errors.New("model calibration is invalid")
	ErrProvenance  = errors.New("model provenance is invalid")
	ErrSelfTest    = errors.New("model self-test failed")
)

// container translates an error of the container into one of this package,
// whose callers cannot import that one.
func container(err error) error {
	switch {
	case errors.Is(err, safetensors.ErrTruncated):
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	case errors.Is(err, safetensors.ErrTrailing):
		return fmt.Errorf("%w: %w", ErrTrailing, err)
	case errors.Is(err, safetensors.ErrStart):
		return fmt.Errorf("%w: %w", ErrNotModel, err)
	case errors.Is(err, safetensors.ErrHeaderSize):
		return fmt.Errorf("%w: %w", ErrHeaderSize, err)
	}
	return fmt.Errorf("%w: %w", ErrHeader, err)
}

// remedy returns what the reader of a refusal can do about it.
func remedy(err error) string {
	switch {
	case errors.Is(err, ErrNotModel):
		return "give a file that `whorl train` wrote"
	case errors.Is(err, ErrNewerFormat):
		return "use a newer whorl"
	case errors.Is(err, ErrSchema):
		return "use a whorl of that schema or train again with this one"
	case errors.Is(err, ErrSelfTest):
		return "this build computes something else than the trainer did: use the whorl that wrote the file and report both versions"
	}
	for _, damage := range []error{ErrTruncated, ErrTrailing, ErrTooLarge, ErrHeaderSize, ErrHeader, ErrDigest} {
		if errors.Is(err, damage) {
			return "copy the file again from where it was published"
		}
	}
	return "the file is whole but was not written by this format's rules: train again"
}
