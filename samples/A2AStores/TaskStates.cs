namespace A2AStores;

/// <summary>A2A 1.0's names of states.</summary>
internal static class TaskStates
{
    public const string Submitted = "TASK_STATE_SUBMITTED";
    public const string Working = "TASK_STATE_WORKING";
    public const string Completed = "TASK_STATE_COMPLETED";
    public const string Canceled = "TASK_STATE_CANCELED";

    public static bool IsTerminal(string state) => state is Completed or Canceled or "TASK_STATE_FAILED" or "TASK_STATE_REJECTED";
}
