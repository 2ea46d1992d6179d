using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>Answers as a test says, and counts the questions.</summary>
internal sealed class Reconciler(Reconciliation answer) : IRequestReconciler
{
    public Reconciliation Answer { get; set; } = answer;

    public Exception? Fault { get; set; }

    public List<UnresolvedRequest> Asked { get; } = [];

    public ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken)
    {
        lock (Asked)
        {
            Asked.Add(request);
        }

        return Fault is null ? new(Answer) : throw Fault;
    }
}
