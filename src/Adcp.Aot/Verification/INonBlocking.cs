using Adcp.Aot.Threading;

namespace Adcp.Aot.Verification;

/// <summary>
/// Marks a key source or replay cache that neither blocks nor throws, so that a verifier calls it without a
/// <see cref="CallGuard"/>.
/// </summary>
internal interface INonBlocking;
