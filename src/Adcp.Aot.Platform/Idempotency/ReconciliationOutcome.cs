namespace Adcp.Aot.Platform.Idempotency;

/// <summary>The outcome that an <see cref="IRequestReconciler"/> found.</summary>
public enum ReconciliationOutcome
{
    /// <summary>The outcome is not known. The request is not performed again, and its buyer is told to wait or to reconcile.</summary>
    Unknown = 0,

    /// <summary>The request was committed. Its answer is kept and repeated.</summary>
    Committed = 1,

    /// <summary>
    /// The request was committed, and its object was deleted afterwards by other means: <c>COMMITTED_RESOURCE_PURGED</c> is kept and
    /// repeated.
    /// </summary>
    Purged = 2,

    /// <summary>Nothing was committed, and nothing can be any more: this is proven. The request is performed.</summary>
    NotCommitted = 3,
}
